// The administrative commands: which route each asks, how it is said, and how its answer is shown.
// What options a command has, what they mean and which of them are needed, comes from the route's
// own declaration.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/routes.hpp"
#include "app/table.hpp"
#include "json/slices.hpp"

namespace sluice::app {

/// A flag that stands for a value of a field: --admin for role=administrator.
struct Shorthand {
  std::string_view flag;
  std::string_view field;
  std::string_view value;
  std::string_view help;
};

/// What a field may be, so that a slip is wrong usage; the gateway has the last word.
struct Choice {
  std::string_view field;
  std::string_view values;  // separated by commas
  bool list = false;        // several of them, with commas
};

/// Another name of a field's option.
struct Renamed {
  std::string_view field;
  std::string_view option;  // "for", without dashes
};

/// As whom a route is asked that deals with a user's own.
enum class ActAs : uint8_t {
  kNobody,
  kArgument,  // who is given first
  kOption,    // --as USER
  kOwner,     // --as USER, or an owner of the team that the path names
};

struct Command {
  std::string_view words;  // "provider add"
  std::string_view method, pattern;
  std::string_view example;    // what follows "sluice"
  std::string_view help = {};  // absent: the route's summary
  std::string_view also = {};  // another last word
  bool bare = false;           // the words before the last one do it, too
  ActAs as = ActAs::kNobody;
  /// Fields that are given without a name, in this order, behind the variable segments of the
  /// path; "role!" is needed whatever the route says.
  std::string_view arguments = {};
  /// Which other fields have options; "*" all, "password!" needed.
  std::string_view options = "*";
  std::string_view subject = {};                        // what the path's variable segment is
  bool numbered = false;                                // it is a number
  std::string_view fixed_field = {}, fixed_value = {};  // what every body says, as JSON
  std::string_view fixed_query = {};
  std::span<const Shorthand> shorthands = {};
  std::span<const Choice> choices = {};
  std::span<const Renamed> renamed = {};
  /// The path whose ETag is the version of what is changed; absent: the command's own.
  std::string_view version_of = {};
  bool csv = false;            // people get comma-separated values, too
  bool needs_gateway = false;  // what it deals with only a gateway that runs has
  /// How people are shown the answer: rows in columns; else a line with {members} of it; else what
  /// is shown only once, alone on stdout; else a function; else all members, one a line.
  std::span<const Column> columns = {};
  std::string_view line = {};
  std::string_view once = {};
  std::string (*human)(json::Value answer) = nullptr;
  int (*status)(json::Value answer) = nullptr;  // the exit status; absent: 0
};

/// What a word that has commands below it is about.
struct Topic {
  std::string_view words;
  std::string_view help;
};

/// A route that has no command of its own, and why.
struct Without {
  std::string_view method, pattern;
  std::string_view reason;
};

std::span<const Topic> topics();
const std::vector<Command>& all_commands();
std::span<const Without> routes_without_command();

// By what they are about.
std::span<const Command> people_commands();
std::span<const Command> key_commands();
std::span<const Command> money_commands();
std::span<const Command> routing_commands();
std::span<const Command> operation_commands();

/// The variable segments of a pattern, without their braces.
std::vector<std::string_view> segments_of(std::string_view pattern);
/// The declaration of a command's route; null where the loops answer it, without fields.
const admin::Route* route_of(const Command& command);

}  // namespace sluice::app
