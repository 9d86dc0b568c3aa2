#include "app/password.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

namespace sluice::app {

namespace {

constexpr size_t kLongest = 4096;

/// A file that is closed in the end.
class Input {
 public:
  explicit Input(int fd) : fd_(fd) {}
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  int fd() const { return fd_; }

  /// Without its end; nullopt when nothing is there, or too much.
  std::optional<std::string> line() const {
    std::string text;
    for (char c = 0; text.size() < kLongest;) {
      const ssize_t got = ::read(fd_, &c, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 || (got == 0 && text.empty())) return std::nullopt;
      if (got == 0 || c == '\n') {
        if (text.ends_with('\r')) text.pop_back();
        return text;
      }
      text += c;
    }
    return std::nullopt;
  }

 private:
  int fd_;
};

/// A terminal that does not show what is typed.
class Unseen {
 public:
  explicit Unseen(int fd) : fd_(fd), changed_(tcgetattr(fd, &before_) == 0) {
    if (!changed_) return;
    termios unseen = before_;
    unseen.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(fd, TCSAFLUSH, &unseen) == 0;
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
  ~Unseen() {
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  bool works() const { return changed_; }

 private:
  int fd_;
  termios before_{};
  bool changed_;
};

void say(int fd, std::string_view text) {
  // A prompt that cannot be shown is no reason not to read on.
  [[maybe_unused]] const ssize_t written = ::write(fd, text.data(), text.size());
}

std::unexpected<Error> none(std::string what) { return fail(ErrorCode::kConfig, std::move(what)); }

Result<std::string> ask() {
  const Input terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (terminal.fd() < 0) {
    return none("there is no terminal to ask for a password: use --password-file");
  }
  const Unseen unseen(terminal.fd());
  if (!unseen.works()) return none("the terminal cannot hide a password: use --password-file");
  std::string texts[2];
  for (size_t i = 0; i < 2; ++i) {
    say(terminal.fd(), i == 0 ? "Password: " : "Again: ");
    auto text = terminal.line();
    say(terminal.fd(), "\n");
    if (!text) return none("no password was given");
    texts[i] = std::move(*text);
  }
  if (texts[0] != texts[1]) return none("the two passwords differ");
  return texts[0];
}

}  // namespace

Result<std::string> read_password(const std::string& file) {
  if (file.empty()) return ask();
  const Input input(file == "-" ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (input.fd() < 0) return none(fmt::format("{}: {}", file, std::strerror(errno)));
  auto text = input.line();
  if (!text || text->empty())
    return none(fmt::format("{} has no password in its first line", file));
  return std::move(*text);
}

}  // namespace sluice::app
