#include "app/command.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "admin/openapi.hpp"
#include "app/admin_commands.hpp"

namespace sluice::app {
namespace {

struct Endpoint {
  std::string_view method, pattern;
};

/// What the management API answers, whoever answers it.
std::vector<Endpoint> management() {
  std::vector<Endpoint> all;
  for (const admin::Route& each : admin::all_routes()) all.push_back({each.method, each.pattern});
  for (const admin::LoopRoute& each : admin::loop_routes()) {
    const bool below =
        each.pattern.starts_with("/api/admin/") || each.pattern.starts_with("/api/live");
    if (below) all.push_back({each.method, each.pattern});
  }
  return all;
}

bool is_there(const auto& list, const Endpoint& wanted) {
  return std::ranges::any_of(list, [&](const auto& each) {
    return each.method == wanted.method && each.pattern == wanted.pattern;
  });
}

TEST(Commands, LeaveNoRouteOut) {
  for (const Endpoint& each : management()) {
    EXPECT_TRUE(is_there(all_commands(), each) || is_there(routes_without_command(), each))
        << each.method << ' ' << each.pattern
        << " has no command: give it a row in a commands_*.cpp, or say why in command.cpp";
  }
}

TEST(Commands, AskOnlyWhatThereIs) {
  const std::vector<Endpoint> there = management();
  for (const Command& each : all_commands()) {
    EXPECT_TRUE(is_there(there, {each.method, each.pattern})) << each.words;
  }
  for (const Without& each : routes_without_command()) {
    EXPECT_TRUE(is_there(there, {each.method, each.pattern})) << each.method << ' ' << each.pattern;
    EXPECT_FALSE(is_there(all_commands(), {each.method, each.pattern})) << each.pattern;
  }
}

TEST(Commands, HaveWordsOfTheirOwnAndAnExample) {
  std::set<std::string_view> words;
  for (const Command& each : all_commands()) {
    EXPECT_TRUE(words.insert(each.words).second) << each.words;
    const std::string_view said =
        each.bare ? each.words.substr(0, each.words.rfind(' ')) : each.words;
    EXPECT_TRUE(each.example.starts_with(said)) << each.words << ": " << each.example;
    const admin::Route* route = route_of(each);
    EXPECT_TRUE(route != nullptr || each.needs_gateway) << each.words;
    EXPECT_EQ(route != nullptr && route->access == admin::Access::kUser, each.as != ActAs::kNobody)
        << each.words << " is for a user";
  }
}

TEST(Commands, NameOnlyFieldsThatTheirRoutesHave) {
  for (const Command& each : all_commands()) {
    std::set<std::string_view> fields;
    if (const admin::Route* route = route_of(each)) {
      for (const admin::Field& field : route->body) fields.insert(field.name);
      for (const admin::Field& field : route->query) fields.insert(field.name);
    }
    for (const std::string_view list : {each.arguments, each.options}) {
      size_t at = 0;
      while (at < list.size()) {
        const size_t end = std::min(list.find(',', at), list.size());
        std::string_view name = list.substr(at, end - at);
        if (name.ends_with('!')) name.remove_suffix(1);
        EXPECT_TRUE(name == "*" || fields.contains(name)) << each.words << ": " << name;
        at = end + 1;
      }
    }
    for (const Choice& choice : each.choices)
      EXPECT_TRUE(fields.contains(choice.field)) << each.words;
    for (const Renamed& name : each.renamed) EXPECT_TRUE(fields.contains(name.field)) << each.words;
    for (const Shorthand& flag : each.shorthands)
      EXPECT_TRUE(fields.contains(flag.field)) << each.words;
  }
}

/// What `arguments` are, after parsing; the text of what is wrong with them.
std::string wrong_with(const std::string& arguments) {
  CLI::App cli;
  cli.require_subcommand(1);
  const AdminCommands commands(cli, std::string_view(arguments).substr(0, arguments.find(' ')));
  try {
    cli.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return {};
}

TEST(Commands, TakeTheirOwnExamples) {
  for (const Command& each : all_commands()) {
    std::string example(each.example);
    // What a shell makes of it.
    example = example.substr(0, example.find(" > "));
    std::ranges::replace(example, '\'', '"');
    EXPECT_EQ(wrong_with(example), "") << each.words;
  }
}

TEST(Commands, RefuseWhatTheyDoNotKnow) {
  for (const char* each :
       {"provider", "provider fly", "provider add", "provider add x nonsense", "provider show \"\"",
        "rule show x", "rule show 0", "rule add exact a b --priority high", "key set 1 --rpm many",
        "user role alice king", "wallet top-up alice lots", "usage summary hour", "audit --limit 0",
        "audit --json --csv", "team add red", "user session list", "key set 1 --enable --disable",
        "wallet adjust alice 1", "usage list --user \"\""}) {
    const std::string wrong = wrong_with(each);
    EXPECT_NE(wrong, "") << each;
    EXPECT_EQ(wrong.find('\n'), std::string::npos) << each << ": " << wrong;
  }
}

}  // namespace
}  // namespace sluice::app
