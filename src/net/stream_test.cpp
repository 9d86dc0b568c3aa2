#include "net/stream.hpp"

#include "net/test_peer.hpp"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;

class CountingWatch final : public DescriptorWatch {
 public:
  int hangups = 0;

 private:
  void on_hangup() override { ++hangups; }
};

std::string pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return bytes;
}

TEST(PlainStream, CarriesMegabytesUnchangedWhenBothSidesMustWait) {
  TestLoop test;
  const std::string bytes = pattern(size_t{24} << 20);
  const auto sender = [&](Peer& peer) -> Task<void> {
    co_await peer.send(bytes);
    peer.half_close();
  };
  const auto body = [&]() -> Task<void> {
    Pair pair(test.loop);
    co_await pair.connect();
    TaskGroup group;
    group.spawn(sender(pair.left));
    EXPECT_EQ(group.size(), 1U) << "the kernel should not take all of it at once";
    const std::string got = co_await pair.right.read_to_end();
    EXPECT_TRUE(got == bytes);
    EXPECT_EQ(pair.right.ended, Io::kEnd);
    Scope scope(test.loop);
    co_await group.empty(scope);
  };
  test.run(body());
}

TEST(PlainStream, LosesNoWakeUpBetweenShortReads) {
  TestLoop test;
  const auto echo = [&](Peer& peer) -> Task<void> {
    for (;;) {
      const std::string got = co_await peer.read_bytes(1);
      if (got.empty()) co_return;
      co_await peer.send(got + got);
    }
  };
  const auto body = [&]() -> Task<void> {
    Pair pair(test.loop);
    co_await pair.connect();
    TaskGroup group;
    const auto echo_and_close = [&](Peer& peer) -> Task<void> {
      co_await echo(peer);
      peer.close();
    };
    group.spawn(echo_and_close(pair.right));
    for (int i = 0; i < 500; ++i) {
      co_await pair.left.send("x");
      EXPECT_EQ(co_await pair.left.read_bytes(2), "xx");
    }
    pair.left.half_close();
    EXPECT_EQ(co_await pair.left.read_to_end(), "");
    Scope scope(test.loop);
    co_await group.empty(scope);
  };
  test.run(body());
}

TEST(PlainStream, GivesTheBytesThatCameBeforeTheEnd) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Pair pair(test.loop);
    co_await pair.connect();
    co_await pair.left.send(pattern(100'000));
    pair.left.close();
    CountingWatch watch;
    pair.right.stream->descriptor().watch(&watch);
    Scope scope(test.loop);
    co_await Sleep(scope, now() + milliseconds(1));
    EXPECT_EQ(watch.hangups, 1) << "told although all the bytes are unread";
    pair.right.stream->descriptor().unwatch();
    const std::string got = co_await pair.right.read_to_end();
    EXPECT_TRUE(got == pattern(100'000));
    EXPECT_EQ(pair.right.ended, Io::kEnd);
  };
  test.run(body());
}

TEST(PlainStream, TellsAWatchThatComesAfterTheHangUp) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Pair pair(test.loop);
    co_await pair.connect();
    pair.left.close();
    co_await pair.right.read_to_end();
    Scope scope(test.loop);
    co_await Sleep(scope, now() + milliseconds(1));
    CountingWatch watch;
    pair.right.stream->descriptor().watch(&watch);
    EXPECT_EQ(watch.hangups, 1);
    pair.right.stream->descriptor().unwatch();
  };
  test.run(body());
}

TEST(PlainStream, ShowsAResetAsAnError) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Pair pair(test.loop);
    co_await pair.connect();
    pair.left.reset();
    co_await pair.right.read_to_end();
    EXPECT_EQ(pair.right.ended, Io::kError);
    const Io io = co_await pair.right.stream->write(pair.right.scope, "too late");
    EXPECT_EQ(io.kind, Io::kError);
  };
  test.run(body());
}

TEST(PlainStream, WaitsForInputWithinTheDeadline) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Pair pair(test.loop);
    co_await pair.connect();
    pair.left.scope.set_deadline(now() + milliseconds(2));
    EXPECT_EQ(co_await pair.left.read_to_end(), "");
    EXPECT_EQ(pair.left.ended, Io::kTimeout);
    pair.left.scope.clear_deadline();
    co_await pair.right.send("late");
    EXPECT_EQ(co_await pair.left.read_bytes(4), "late") << "the stream survives a timeout";
  };
  test.run(body());
}

TEST(PlainStream, SaysHowMuchWasSentWhenAWriteIsCancelled) {
  TestLoop test;
  const std::string bytes = pattern(size_t{24} << 20);
  const auto body = [&]() -> Task<void> {
    Pair pair(test.loop);
    co_await pair.connect();
    test.loop.post([&] { pair.left.scope.cancel(CancelReason::kRequested); });
    const Io io = co_await pair.left.stream->write(pair.left.scope, bytes);
    EXPECT_EQ(io.kind, Io::kCancelled);
    EXPECT_GT(io.bytes, 0U);
    EXPECT_LT(io.bytes, bytes.size());
    pair.left.half_close();
    const std::string got = co_await pair.right.read_to_end();
    EXPECT_TRUE(got == bytes.substr(0, io.bytes));
  };
  test.run(body());
}

TEST(PlainStream, LetsOthersRunBesideASenderThatNeverPauses) {
  TestLoop test;
  bool stop = false;
  const auto endless = [&](Peer& peer) -> Task<void> {
    const std::string bytes = pattern(200'000);
    while (!stop) co_await peer.send(bytes);
    peer.half_close();
  };
  const auto swallow = [&](Peer& peer) -> Task<void> {
    for (;;) {
      const Io io = co_await peer.stream->read(peer.scope, test.loop.input());
      if (!io.ok()) co_return;
    }
  };
  const auto body = [&]() -> Task<void> {
    // Each reader and its sender feed each other without a wait; the timer must still come.
    Pair first(test.loop);
    Pair second(test.loop);
    co_await first.connect();
    co_await second.connect();
    TaskGroup group;
    group.spawn(endless(first.left));
    group.spawn(endless(second.left));
    group.spawn(swallow(first.right));
    group.spawn(swallow(second.right));
    Scope scope(test.loop);
    EXPECT_EQ(co_await Sleep(scope, now() + milliseconds(5)), Outcome::kTimeout);
    scope.clear_deadline();
    stop = true;
    co_await group.empty(scope);
  };
  test.run(body());
}

TEST(PlainStream, GivesUpItsTurnAfterSoManyReadsAndTakesItUpAgain) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Pair pair(test.loop);
    co_await pair.connect();
    co_await pair.left.send(pattern(1000));
    bool other_ran = false;
    size_t read_before = 0;
    size_t read = 0;
    test.loop.post([&] {
      other_ran = true;
      read_before = read;
    });
    // One byte a read: all of them are there, and yet the posted work comes in between.
    char byte = 0;
    while (read < 1000) {
      const Io io = co_await pair.right.stream->read(pair.right.scope, {&byte, 1});
      EXPECT_TRUE(io.ok());
      if (!io.ok()) co_return;
      ++read;
    }
    EXPECT_TRUE(other_ran);
    EXPECT_LT(read_before, 1000U);
  };
  test.run(body());
}

TEST(DropFront, DropsWholeAndPartialParts) {
  char a[3];
  char b[5];
  iovec parts[3] = {{a, sizeof a}, {nullptr, 0}, {b, sizeof b}};
  std::span<iovec> left(parts);
  drop_front(left, 2);
  ASSERT_EQ(left.size(), 3U);
  EXPECT_EQ(left[0].iov_len, 1U);
  drop_front(left, 1);
  ASSERT_EQ(left.size(), 1U) << "an empty part goes with the one before it";
  drop_front(left, 4);
  EXPECT_EQ(left[0].iov_base, b + 4);
  drop_front(left, 1);
  EXPECT_TRUE(left.empty());
}

}  // namespace
}  // namespace sluice::net
