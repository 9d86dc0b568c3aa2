#include "config/document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::config {
namespace {

using testing::HasSubstr;

std::string problems_of(std::string_view yaml) {
  Problems problems;
  read_yaml(yaml, "f.yaml", problems);
  return problems.text();
}

TEST(Yaml, KeepsTheTextAndThePlaceOfEveryValue) {
  Problems problems;
  const Node root =
      read_yaml("server:\n  port: 010\n  host: \"a b\"\nlist: [x, ~]\n", "f.yaml", problems);
  EXPECT_EQ(problems.text(), "");
  const Node* server = root.find("server");
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(server->find("port")->text, "010");
  EXPECT_FALSE(server->find("port")->quoted);
  EXPECT_EQ(server->find("port")->place.text(), "f.yaml:2:9");
  EXPECT_TRUE(server->find("host")->quoted);
  EXPECT_EQ(root.find("list")->items.at(0).text, "x");
  EXPECT_TRUE(root.find("list")->items.at(1).is_null());
}

TEST(Yaml, AnEmptyDocumentIsNothing) {
  for (const char* text : {"", "\n", "# a comment\n", "---\n", "~"}) {
    Problems problems;
    EXPECT_TRUE(read_yaml(text, "f.yaml", problems).is_null()) << text;
    EXPECT_EQ(problems.text(), "") << text;
  }
}

TEST(Yaml, ReportsDuplicateKeysWithBothLines) {
  EXPECT_EQ(problems_of("a: 1\nb: 2\na: 3\n"), "f.yaml:3:1: duplicate key \"a\" (first on line 1)");
  EXPECT_THAT(problems_of("x: {a: 1, 'a': 2}"), HasSubstr("f.yaml:1:11: duplicate key \"a\""));
}

TEST(Yaml, ReportsSyntaxErrorsWithTheirPlace) {
  EXPECT_THAT(problems_of("a: [1, 2\nb: 3\n"), HasSubstr("f.yaml:2:"));
  EXPECT_THAT(problems_of("a: 1\n\tb: 2\n"), HasSubstr("bad YAML"));
  EXPECT_THAT(problems_of("a: *nobody\n"), HasSubstr("f.yaml:1:"));
}

TEST(Yaml, RefusesASecondDocument) {
  EXPECT_THAT(problems_of("a: 1\n---\nb: 2\n"), HasSubstr("more than one YAML document"));
}

TEST(Yaml, RefusesTagsAndKeysThatAreNoText) {
  EXPECT_THAT(problems_of("a: !!int 5\n"), HasSubstr("tag"));
  EXPECT_THAT(problems_of("a: !shell ls\n"), HasSubstr("tag"));
  EXPECT_THAT(problems_of("? [a, b]\n: 1\n"), HasSubstr("a key must be plain text"));
}

TEST(Yaml, AnAliasStandsForItsAnchor) {
  Problems problems;
  const Node root = read_yaml("a: &t { connect: 1s }\nb: *t\n", "f.yaml", problems);
  EXPECT_EQ(problems.text(), "");
  EXPECT_EQ(root.find("b")->find("connect")->text, "1s");
}

TEST(Yaml, RefusesAnAliasInsideOfItself) {
  EXPECT_THAT(problems_of("a: &x [ *x ]\n"), HasSubstr("alias"));
}

TEST(Yaml, AnAliasBombEndsEarly) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += fmt::format("a{0}: &a{0} [", i);
    for (int k = 0; k < 10; ++k) bomb += fmt::format("*a{}, ", i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(problems_of(bomb), HasSubstr("too large"));

  std::string wide = "a: &a \"" + std::string(500'000, 'x') + "\"\nb: [";
  for (int k = 0; k < 1000; ++k) wide += "*a, ";
  EXPECT_THAT(problems_of(wide + "]\n"), HasSubstr("too large"));
}

TEST(Yaml, RefusesDeepNesting) {
  EXPECT_THAT(problems_of(std::string(25, '[') + std::string(25, ']')),
              HasSubstr("nested too deeply"));
  EXPECT_EQ(problems_of(std::string(24, '[') + std::string(24, ']')), "");
  EXPECT_NE(problems_of(std::string(500'000, '[')), "");
  EXPECT_NE(problems_of(std::string(500'000, '{')), "");
}

TEST(Yaml, RefusesSectionsWithMoreKeysThanAnybodyWrites) {
  std::string many;
  for (int i = 0; i < 1001; ++i) many += fmt::format("k{}: 1\n", i);
  EXPECT_EQ(problems_of(many), "f.yaml:1001:1: too many keys in one section");
}

TEST(Yaml, RefusesLargeFiles) {
  EXPECT_THAT(problems_of("a: " + std::string(kMaxFileBytes, 'x')), HasSubstr("larger than 1 MiB"));
}

TEST(Yaml, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(problems_of("a: 1\nb: \xff\n"), "f.yaml:2:4: not valid UTF-8");
  for (const std::string_view bad : {std::string_view("\xC0\xAF"), std::string_view("\xED\xA0\x80"),
                                     std::string_view("\xF4\x90\x80\x80"),
                                     std::string_view("\xE2\x82"), std::string_view("a\0b", 3)}) {
    EXPECT_THAT(problems_of(bad), HasSubstr("not valid UTF-8"));
  }
  EXPECT_EQ(problems_of("a: \"gr\xC3\xBC\xC3\x9F \xE4\xBD\xA0 \xF0\x9F\x98\x80\"\n"), "");
}

TEST(ProblemList, IsInTheOrderOfTheFileAndBounded) {
  Problems problems;
  const auto source = std::make_shared<const std::string>("f");
  problems.error({source, 9, 1}, "late");
  problems.error({source, 2, 7}, "early");
  problems.error({source, 0, 0}, "elsewhere");
  EXPECT_EQ(problems.text(), "f:2:7: early\nf:9:1: late\nf: elsewhere");
  for (int i = 0; i < 200; ++i) problems.error({source, 1, 1}, "again");
  EXPECT_THAT(problems.text(), HasSubstr("and 103 more"));
}

}  // namespace
}  // namespace sluice::config
