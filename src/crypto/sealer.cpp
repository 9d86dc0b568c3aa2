#include "crypto/sealer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "crypto/digest.hpp"
#include "crypto/random.hpp"

namespace sluice::crypto {

namespace {

constexpr size_t kNonce = 12;
constexpr size_t kTag = 16;
constexpr size_t kFileSecret = 32;  // bytes, which stand there as base64url

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::unexpected<Error> unusable(const std::string& file, std::string_view why) {
  return fail(ErrorCode::kConfig, fmt::format("{}: {}", file, why));
}

/// nullopt when there is no such file.
Result<std::optional<std::string>> read_secret(const std::string& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return unusable(file, std::strerror(errno));
  char buffer[256];
  const ssize_t got = read(fd, buffer, sizeof buffer);
  const int error = errno;
  close(fd);
  if (got < 0) return unusable(file, std::strerror(error));
  std::string_view text(buffer, static_cast<size_t>(got));
  while (text.ends_with('\n')) text.remove_suffix(1);
  auto secret = from_base64url(text);
  if (!secret || secret->size() != kFileSecret) return unusable(file, "it is damaged");
  return std::move(*secret);
}

/// Whole or not at all, and never in place of another's.
Status write_secret(const std::string& file, const std::string& secret) {
  const std::string draft = fmt::format("{}.{}", file, getpid());
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return unusable(file, std::strerror(errno));
  const std::string line = base64url(secret) + '\n';
  const bool written =
      write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  const bool placed = written && (link(draft.c_str(), file.c_str()) == 0 || errno == EEXIST);
  unlink(draft.c_str());
  if (!placed) return unusable(file, std::strerror(written ? errno : error));
  return {};
}

}  // namespace

Sealer::Sealer(const Secret& secret) {
  const Digest key = hmac_sha256(secret.expose(), "sluice: secrets in the database");
  key_ = Secret(std::string(key.begin(), key.end()));
}

Result<Sealer> Sealer::from_file(const std::string& file) {
  auto there = read_secret(file);
  if (!there) return std::unexpected(there.error());
  if (!*there) {
    const auto made = random_bytes(kFileSecret);
    if (!made) return std::unexpected(made.error());
    if (Status written = write_secret(file, *made); !written) {
      return std::unexpected(written.error());
    }
    there = read_secret(file);
    if (!there) return std::unexpected(there.error());
    if (!*there) return unusable(file, "it has gone");
  }
  return Sealer(Secret(std::move(**there)));
}

Result<std::string> Sealer::seal(std::string_view text) const {
  auto sealed = random_bytes(kNonce);
  if (!sealed) return sealed;
  const Context context(EVP_CIPHER_CTX_new());
  std::string out(text.size() + kTag, '\0');
  int size = 0;
  int rest = 0;
  const bool done =
      context &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key_.expose()),
                         bytes(*sealed)) == 1 &&
      EVP_EncryptUpdate(context.get(), bytes(out), &size, bytes(text),
                        static_cast<int>(text.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), bytes(out) + size, &rest) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag, bytes(out) + text.size()) == 1;
  if (!done) return fail(ErrorCode::kInternal, "a secret could not be encrypted");
  return std::string(kPrefix) + base64url(*sealed + out);
}

Result<std::string> Sealer::open(std::string_view sealed) const {
  const auto refused = [] {
    return fail(ErrorCode::kConfig, "it was encrypted with another secret key, or is damaged");
  };
  if (!is_sealed(sealed)) return refused();
  auto all = from_base64url(sealed.substr(kPrefix.size()));
  if (!all || all->size() < kNonce + kTag) return refused();
  const std::string_view nonce = std::string_view(*all).substr(0, kNonce);
  const std::string_view hidden =
      std::string_view(*all).substr(kNonce, all->size() - kNonce - kTag);
  std::string tag = all->substr(all->size() - kTag);
  const Context context(EVP_CIPHER_CTX_new());
  std::string text(hidden.size(), '\0');
  int size = 0;
  int rest = 0;
  const bool good =
      context &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key_.expose()),
                         bytes(nonce)) == 1 &&
      EVP_DecryptUpdate(context.get(), bytes(text), &size, bytes(hidden),
                        static_cast<int>(hidden.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag, bytes(tag)) == 1 &&
      EVP_DecryptFinal_ex(context.get(), bytes(text) + size, &rest) == 1;
  if (!good) return refused();
  return text;
}

std::string Sealer::mark(std::string_view text) const {
  const Digest digest = hmac_sha256(key_.expose(), text);
  std::string out;
  for (size_t i = 0; i < 4; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace sluice::crypto
