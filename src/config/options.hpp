// Every option of the configuration, declared once. Parsing, errors, defaults, environment
// names, docs/config-reference.md and configs/schema.json all come from this list.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

enum class Type : uint8_t {
  kBool,
  kInteger,
  kNumber,
  kMoney,  // USD, a decimal number that may be quoted
  kText,
  kSecret,    // text that no message shows; NAME_file: PATH works instead
  kChoice,    // one of Option::choices
  kDuration,  // min and max in seconds
  kSize,      // min and max in bytes
  kUrl,       // http or https
  kNetwork,   // address or CIDR
  kTime,
  kAny,      // any scalar
  kSection,  // no value of its own: describes a map or a list of maps
};

enum class Change : uint8_t { kLive, kRestart };

struct Option {
  /// Dotted; "[]" after a segment marks a list, "*" stands for any key.
  std::string_view name;
  Type type = Type::kText;
  /// As it would be written in YAML; nullopt: none. A list's is the empty list.
  std::optional<std::string_view> standard = {};
  std::string_view help = {};
  std::string_view env = {};
  Change change = Change::kLive;
  /// False: part of the contract, checked and accepted, and not acted upon in this version.
  bool effective = true;
  bool required = false;
  double min = 0;
  double max = 0;                 // min == max: unbounded
  std::string_view choices = {};  // separated by '|'
  /// Of a list of maps: a scalar element X stands for {shorthand: X}.
  std::string_view shorthand = {};
};

/// In the order of the documentation.
std::span<const Option> options();

/// What is read from the environment beside Option::env.
struct EnvironmentName {
  std::string_view name;
  std::string_view help;
};
std::span<const EnvironmentName> other_environment();

/// The options as a tree.
struct Shape {
  enum class Kind : uint8_t { kLeaf, kList, kMap };
  struct Key;

  Kind kind = Kind::kLeaf;
  const Option* option = nullptr;  // of a leaf, a list of scalars, or a described section
  std::vector<Key> keys;           // of a map
  std::vector<Shape> element;      // one: of a list, or of a map with free keys

  const Shape* find(std::string_view key) const;
  /// The secret that `key` names a file for: "admin_token_file"; nullptr when it is none.
  const Shape* find_secret_of_file(std::string_view key) const;
};

struct Shape::Key {
  std::string_view name;
  Shape shape;
};

/// The whole configuration; built once.
const Shape& root_shape();

/// "a whole number from 0 to 65535": completes "must be".
std::string expectation(const Option& option);

/// "open, invite, closed" as pieces.
std::vector<std::string_view> choices_of(const Option& option);

}  // namespace sluice::config
