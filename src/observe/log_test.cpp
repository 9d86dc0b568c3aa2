#include "observe/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace sluice::log {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int64_t kAt = 1'767'323'045'678'000'000;  // 2026-01-02T03:04:05.678Z

std::string text(std::string_view event, std::initializer_list<Field> fields) {
  return format_line(Format::kText, Level::kInfo, kAt, event, {fields.begin(), fields.size()});
}
std::string json(std::string_view event, std::initializer_list<Field> fields) {
  return format_line(Format::kJson, Level::kWarn, kAt, event, {fields.begin(), fields.size()});
}

/// A pipe that is read to its end.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe2(fds_, O_CLOEXEC), 0); }
  ~Pipe() {
    close_read();
    close_write();
  }
  int write_end() const { return fds_[1]; }
  int read_end() const { return fds_[0]; }
  void close_read() {
    if (fds_[0] >= 0) close(std::exchange(fds_[0], -1));
  }
  void close_write() {
    if (fds_[1] >= 0) close(std::exchange(fds_[1], -1));
  }
  std::string read_all() {
    close_write();
    std::string out;
    char buffer[4096];
    for (ssize_t n; (n = read(fds_[0], buffer, sizeof buffer)) > 0;) {
      out.append(buffer, static_cast<size_t>(n));
    }
    return out;
  }

 private:
  int fds_[2] = {-1, -1};
};

TEST(LogLine, TextIsOneLineForPeople) {
  EXPECT_EQ(text("listening on",
                 {{"port", 8080}, {"tls", false}, {"share", 0.25}, {"name", "a b"}, {"x", ""}}),
            "2026-01-02T03:04:05.678Z info  listening on port=8080 tls=false share=0.25 "
            "name=\"a b\" x=\"\"\n");
}

TEST(LogLine, JsonIsOneObject) {
  EXPECT_EQ(json("request", {{"status", uint16_t{200}}, {"model", "gpt-4o"}, {"stream", true}}),
            R"({"time":"2026-01-02T03:04:05.678Z","level":"warn","event":"request","status":200,)"
            R"("model":"gpt-4o","stream":true})"
            "\n");
}

TEST(LogLine, NothingFromOutsideBeginsALineOrMovesTheCursor) {
  const std::string evil = "x\n2026 error forged\r\x1b[2J\x7f\xc2\x9b\xff";
  for (const std::string& line :
       {text("event", {{"model", evil}}), json("event", {{"model", evil}}), text(evil, {})}) {
    EXPECT_THAT(line, EndsWith("\n"));
    for (size_t i = 0; i + 1 < line.size(); ++i) {
      const auto byte = static_cast<unsigned char>(line[i]);
      EXPECT_GE(byte, 0x20) << line;
      EXPECT_NE(byte, 0x7F) << line;
      EXPECT_NE(byte, 0x9B) << line;
      EXPECT_NE(byte, 0xFF) << line;
    }
  }
}

TEST(LogLine, FieldsCannotBeForgedThroughAValue) {
  EXPECT_THAT(text("event", {{"model", "a status=200"}}), EndsWith("model=\"a status=200\"\n"));
  EXPECT_THAT(text("event", {{"model", "a\" status=200"}}),
              EndsWith("model=\"a\\\" status=200\"\n"));
}

TEST(LogLine, CredentialsAreNeverShown) {
  const Secret secret("sk-live-0123456789abcdef");
  for (const std::string& line :
       {text("event", {{"key", secret}, {"Authorization", "Bearer sk-live-0123456789abcdef"}}),
        json("event", {{"key", secret}, {"x-api-key", "sk-live-0123456789abcdef"}})}) {
    EXPECT_THAT(line, Not(HasSubstr("0123456789")));
    EXPECT_THAT(line, HasSubstr("[redacted]"));
  }
}

TEST(LogLine, LongValuesAreCut) {
  const std::string line = text("event", {{"text", std::string(100'000, 'a')}});
  EXPECT_LT(line.size(), Logger::kValueLimit + 200);
  EXPECT_THAT(line, EndsWith("aaa...\n"));
}

TEST(LogLine, NumbersHaveThreeDecimalsAtMost) {
  EXPECT_THAT(text("event", {{"a", 0.0004}, {"b", 12.3456}, {"c", 100000.0}, {"d", -1.5}}),
              EndsWith(" a=0 b=12.346 c=100000 d=-1.5\n"));
  EXPECT_THAT(text("event", {{"a", 0.07}, {"b", -0.25}, {"c", 999.9996}, {"d", 2e15}}),
              EndsWith(" a=0.07 b=-0.25 c=1000 d=2000000000000000\n"));
  EXPECT_THAT(text("event", {{"least", INT64_MIN}, {"most", UINT64_MAX}}),
              EndsWith(" least=-9223372036854775808 most=18446744073709551615\n"));
}

TEST(LogLine, NumbersThatJsonCannotHoldBecomeNull) {
  EXPECT_THAT(json("event", {{"x", std::numeric_limits<double>::infinity()}}),
              HasSubstr("\"x\":null"));
}

TEST(Logger, WritesLinesInOrder) {
  Pipe pipe;
  Logger logger;
  logger.start({.fd = pipe.write_end()});
  for (int i = 0; i < 3; ++i) {
    const Field fields[] = {{"n", i}};
    logger.write(Level::kInfo, "event", fields);
  }
  logger.stop();
  const std::string out = pipe.read_all();
  EXPECT_LT(out.find("n=0"), out.find("n=1"));
  EXPECT_LT(out.find("n=1"), out.find("n=2"));
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 3);
}

TEST(Logger, HoldsLinesBackUntilItsLevelAndFormAreKnown) {
  Pipe pipe;
  Logger logger;
  const std::string passing = "temporary";
  const Field fields[] = {{"name", passing}};
  logger.write(Level::kDebug, "too fine", fields);
  logger.write(Level::kWarn, "no provider", fields);
  logger.start({.level = Level::kInfo, .format = Format::kJson, .fd = pipe.write_end()});
  logger.stop();
  const std::string out = pipe.read_all();
  EXPECT_THAT(out, StartsWith("{"));
  EXPECT_THAT(out, HasSubstr(R"("event":"no provider","name":"temporary"})"));
  EXPECT_THAT(out, Not(HasSubstr("too fine")));
}

TEST(Logger, WhatIsBelowTheLevelIsNotEvenFormatted) {
  Pipe pipe;
  Logger logger;
  logger.start({.level = Level::kWarn, .fd = pipe.write_end()});
  EXPECT_FALSE(logger.enabled(Level::kInfo));
  EXPECT_TRUE(logger.enabled(Level::kError));
  logger.write(Level::kInfo, "quiet", {});
  logger.start({.level = Level::kDebug, .fd = pipe.write_end()});
  logger.write(Level::kDebug, "after a reload", {});
  logger.stop();
  const std::string out = pipe.read_all();
  EXPECT_THAT(out, Not(HasSubstr("quiet")));
  EXPECT_THAT(out, HasSubstr("after a reload"));
}

TEST(Logger, DropsAndCountsWhenNobodyReadsAndNeverBlocks) {
  Pipe pipe;
  Logger logger;
  logger.start({.fd = pipe.write_end()});
  const std::string filler(1000, 'x');
  const Field fields[] = {{"filler", filler}};
  // Far more than the pipe and both buffers hold.
  for (int i = 0; i < 4000; ++i) logger.write(Level::kInfo, "event", fields);
  EXPECT_GT(logger.dropped(), 1000U);

  std::string out;
  std::thread reader([&] {
    // The writer holds the other end open until stop() has returned.
    char buffer[65536];
    for (ssize_t n; (n = read(pipe.read_end(), buffer, sizeof buffer)) > 0;) {
      out.append(buffer, static_cast<size_t>(n));
    }
  });
  logger.stop();
  pipe.close_write();
  reader.join();
  EXPECT_THAT(out, HasSubstr("log lines dropped"));
  EXPECT_THAT(out, HasSubstr("total=" + std::to_string(logger.dropped())));
}

TEST(Logger, GoesOnOnStderrWhenItsOutputBreaks) {
  Pipe pipe;
  pipe.close_read();
  testing::internal::CaptureStderr();
  {
    Logger logger;
    logger.start({.fd = pipe.write_end()});
    logger.write(Level::kInfo, "to a closed pipe", {});
    logger.stop();
  }
  const std::string err = testing::internal::GetCapturedStderr();
  EXPECT_THAT(err, HasSubstr("log output failed"));
  EXPECT_THAT(err, HasSubstr("to a closed pipe"));
}

TEST(Logger, AWarningThatNeverSawAStartGoesToStderr) {
  testing::internal::CaptureStderr();
  {
    Logger logger;
    logger.write(Level::kInfo, "unimportant", {});
    logger.write(Level::kError, "cannot bind", {});
  }
  const std::string err = testing::internal::GetCapturedStderr();
  EXPECT_THAT(err, HasSubstr("cannot bind"));
  EXPECT_THAT(err, Not(HasSubstr("unimportant")));
}

TEST(Logger, ManyThreadsWriteWholeLines) {
  char path[] = "/tmp/sluice-log-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  unlink(path);
  Logger logger;
  logger.start({.fd = fd});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&logger, t] {
        for (int i = 0; i < 500; ++i) {
          const Field fields[] = {{"thread", t}, {"n", i}};
          logger.write(Level::kInfo, "event", fields);
        }
      });
    }
  }
  logger.stop();
  std::string out(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  ASSERT_EQ(pread(fd, out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
  close(fd);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2000);
  EXPECT_EQ(logger.dropped(), 0U);
}

}  // namespace
}  // namespace sluice::log
