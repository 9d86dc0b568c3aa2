#include "net/unix_socket.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sluice::net {
namespace {

using testing::HasSubstr;

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() {
    char name[] = "/tmp/sluice-unix-XXXXXX";
    folder = mkdtemp(name);
    path = folder + "/x.sock";
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(folder); }

  mode_t mode() const {
    struct stat found{};
    return lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
  }

  std::string folder;
  std::string path;
};

TEST_F(UnixSocketTest, IsOpenToItsOwnerAloneWhateverTheUmask) {
  const mode_t before = umask(0);
  auto listener = listen_unix(path);
  umask(before);
  ASSERT_TRUE(listener.has_value()) << listener.error().message;
  EXPECT_EQ(mode(), 0600U);
  close(listener->fd);
}

TEST_F(UnixSocketTest, SaysWhoConnected) {
  auto listener = listen_unix(path);
  ASSERT_TRUE(listener.has_value());
  const auto client = connect_unix(path);
  ASSERT_TRUE(client.has_value());
  const int accepted = accept(listener->fd, nullptr, nullptr);
  ASSERT_GE(accepted, 0);
  EXPECT_EQ(unix_peer(accepted).value(), "unix:" + std::to_string(geteuid()));
  for (const int fd : {accepted, *client, listener->fd}) close(fd);
}

TEST_F(UnixSocketTest, RemovesItsFileAtTheEndAndNotThatOfASuccessor) {
  {
    auto listener = listen_unix(path);
    close(listener->fd);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  auto first = listen_unix(path);
  unlink(path.c_str());
  auto second = listen_unix(path);
  ASSERT_TRUE(second.has_value()) << second.error().message;
  first->file = SocketFile();
  EXPECT_TRUE(std::filesystem::exists(path));
  close(first->fd);
  close(second->fd);
}

TEST_F(UnixSocketTest, ReplacesASocketThatNobodyAnswersAndNoOther) {
  {
    auto alive = listen_unix(path);
    const auto other = listen_unix(path);
    ASSERT_FALSE(other.has_value());
    EXPECT_THAT(other.error().message, HasSubstr("another process listens"));
    EXPECT_EQ(mode(), 0600U);
    close(alive->fd);
    auto next = listen_unix(path);
    EXPECT_TRUE(next.has_value());
    close(next->fd);
  }
  std::ofstream(path) << "precious";
  const auto over = listen_unix(path);
  ASSERT_FALSE(over.has_value());
  EXPECT_THAT(over.error().message, HasSubstr("is no socket"));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(UnixSocketTest, RefusesAPathThatNoAddressHolds) {
  const std::string deep = folder + "/" + std::string(100, 'd');
  const auto listener = listen_unix(deep);
  ASSERT_FALSE(listener.has_value());
  EXPECT_THAT(listener.error().message, HasSubstr("holds 107"));
  EXPECT_EQ(connect_unix(deep).error().code, ErrorCode::kUpstreamUnreachable);
}

TEST_F(UnixSocketTest, TellsNobodyThereFromNoEntry) {
  EXPECT_EQ(connect_unix(path).error().code, ErrorCode::kUpstreamUnreachable);
  auto listener = listen_unix(path);
  close(listener->fd);
  EXPECT_EQ(connect_unix(path).error().code, ErrorCode::kUpstreamUnreachable);
  std::ofstream(folder + "/file") << "x";
  EXPECT_EQ(connect_unix(folder + "/file/x.sock").error().code, ErrorCode::kUpstreamUnreachable);
}

}  // namespace
}  // namespace sluice::net
