#include "agent/prometheus.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace sluice::agent {
namespace {

struct Read {
  std::vector<Sample> samples;
  size_t bad_line = 0;
};

Read read(std::string_view page) {
  Read result;
  PageReader reader(page);
  Sample sample;
  while (reader.next(sample)) result.samples.push_back(sample);
  result.bad_line = reader.bad_line();
  return result;
}

TEST(PrometheusPage, GivesNamesLabelsAndValues) {
  const auto page = read(
      "# HELP a:b Some.\n# TYPE a:b gauge\na:b{x=\"1\",y=\"two\"} 3.5\n\nplain 7 1763005200123\n");
  ASSERT_EQ(page.samples.size(), 2U);
  EXPECT_EQ(page.bad_line, 0U);
  EXPECT_EQ(page.samples[0].name, "a:b");
  EXPECT_EQ(page.samples[0].label("x"), "1");
  EXPECT_EQ(page.samples[0].label("y"), "two");
  EXPECT_EQ(page.samples[0].label("z"), "");
  EXPECT_EQ(page.samples[0].value, 3.5);
  EXPECT_EQ(page.samples[1].name, "plain");
  EXPECT_EQ(page.samples[1].label("x"), "");
  EXPECT_EQ(page.samples[1].value, 7);
}

TEST(PrometheusPage, TakesSpacesATrailingCommaAndAnUnendedLastLine) {
  const auto page = read(" m { a = \"1\" , b=\"2\", }  1e3 \nn{} +2\t\nlast 1");
  ASSERT_EQ(page.samples.size(), 3U);
  EXPECT_EQ(page.samples[0].label("b"), "2");
  EXPECT_EQ(page.samples[0].value, 1000);
  EXPECT_EQ(page.samples[1].value, 2);
  EXPECT_EQ(page.samples[2].name, "last");
}

TEST(PrometheusPage, UnescapesLabels) {
  const auto page = read(R"(m{path="C:\\x \"y\"\nz, {a=b}"} 1)");
  ASSERT_EQ(page.samples.size(), 1U);
  EXPECT_EQ(page.samples[0].label("path"), "C:\\x \"y\"\nz, {a=b}");
}

TEST(PrometheusPage, ReadsNumbersAsEnginesPrintThem) {
  const auto page = read("a 1.9e+010\nb NaN\nc +Inf\nd -Inf\ne nan\nf -nan\ng 1e999\nh -0\n");
  ASSERT_EQ(page.samples.size(), 8U);
  EXPECT_EQ(page.samples[0].value, 1.9e10);
  EXPECT_TRUE(std::isnan(page.samples[1].value));
  EXPECT_EQ(page.samples[2].value, HUGE_VAL);
  EXPECT_EQ(page.samples[3].value, -HUGE_VAL);
  EXPECT_TRUE(std::isnan(page.samples[4].value));
  EXPECT_TRUE(std::isnan(page.samples[5].value));
  EXPECT_TRUE(std::isinf(page.samples[6].value));
}

TEST(PrometheusPage, RefusesWhatIsNoSampleAndSaysInWhichLine) {
  for (const std::string_view line :
       {"m",        "m{",           "m{a=\"1\"",       "m{a=\"1\"}",
        "m{a=1} 1", "m{a=\"1} 1",   "m{a=\"1\\q\"} 1", "m{a=\"1\"b=\"2\"} 1",
        "m{,} 1",   "m{1=\"a\"} 1", "m{a:b=\"1\"} 1",  "1m 1",
        "m x",      "m 1x",         "m 1 x",           "m 1 2 3",
        "m +-1",    "m nan(1)",     "m 0x10",          "{a=\"1\"} 1",
        "<html>",   "m\x01 1",      "m{a=\"1\\",       "\"m\" 1"}) {
    const auto page = read("good 1\n" + std::string(line) + "\ngood 2\n");
    EXPECT_EQ(page.samples.size(), 1U) << line;
    EXPECT_EQ(page.bad_line, 2U) << line;
  }
}

TEST(PrometheusPage, RefusesALineWithoutEnd) {
  EXPECT_EQ(read("m{a=\"" + std::string(PageReader::kMaxLine, 'x') + "\"} 1\n").bad_line, 1U);
}

TEST(PrometheusRanks, SumsCountsAndAveragesRatiosOnceARank) {
  Ranks ranks;
  EXPECT_FALSE(ranks.sum());
  EXPECT_FALSE(ranks.mean());
  ranks.add("0", 3);
  ranks.add("0", 4);  // another tensor-parallel process of it, a moment later
  ranks.add("1", 2);
  ranks.add("2", std::nan(""));
  ranks.add("3", -1);
  EXPECT_EQ(ranks.sum(), 6);
  EXPECT_EQ(ranks.mean(), 3);
}

}  // namespace
}  // namespace sluice::agent
