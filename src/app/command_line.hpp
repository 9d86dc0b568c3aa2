// The options of an administrative command, made from its route's declaration, and what they say.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/command.hpp"
#include "base/error.hpp"
#include "json/writer.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sluice::app {

/// What a route is asked.
struct Asked {
  std::string path;
  std::string query;  // empty, or beginning with '?'; without limit and cursor
  std::string body;
  std::string user;             // as whom; empty: whoever it takes, as the command's `as` says
  std::string idempotency_key;  // of the body
};

class CommandLine {
 public:
  static constexpr size_t kMostListed = 1'000'000;

  /// Adds the options to `app`, which must outlive this; `command` is one of all_commands().
  CommandLine(CLI::App& app, const Command& command);

  /// After parsing. Secrets are read here: from files, stdin, the environment or the terminal.
  /// kConfig: wrong usage.
  Result<Asked> read() const;
  /// The answer is a list that comes in pages.
  bool in_pages() const { return limit_ != nullptr; }
  /// Rows that are wanted of it, and where it begins.
  size_t limit() const;
  std::string cursor() const;
  /// "--base-url" for a field of the body or query; empty where it has no option.
  std::string option_of(std::string_view field) const;

 private:
  enum class Place : uint8_t { kPath, kQuery, kBody };
  /// What a value on the command line becomes.
  enum class Form : uint8_t {
    kText,
    kNumber,
    kFlag,
    kList,
    kJson,
    kObjects,     // of name=value
    kSecret,      // the first line of a file
    kSecrets,     // every line of files
    kSecretsEnv,  // of the environment
    kBudget,      // of the object "budgets"
  };
  struct Parameter {
    Place place;
    Form form;
    admin::Field field;
    CLI::Option* option;
    std::string inner = {};  // of kBudget: the span; of kFlag: the value
    bool asked_for = false;  // on the terminal, where the option is absent
  };

  void add_user();
  void add_subjects();
  void add_fields(std::span<const admin::Field> fields, Place place);
  void add_argument(const admin::Field& field, Place place, bool needed);
  void add_option(admin::Field field, Place place, bool needed);
  void add_page();
  Form form_of(const admin::Field& field) const;
  void check(CLI::Option& option, const admin::Field& field, Place place) const;
  Status write(json::Writer& json, const Parameter& parameter) const;
  Status write_secrets(json::Writer& json) const;
  void write_budgets(json::Writer& json) const;
  Status write_body(Asked& asked) const;
  std::string query() const;

  CLI::App& app_;
  const Command& command_;
  bool changes_;  // a PATCH: what can be taken away is said as "none"
  std::vector<Parameter> parameters_;
  std::vector<std::pair<const Shorthand*, CLI::Option*>> shorthands_;
  CLI::Option* as_ = nullptr;
  CLI::Option* limit_ = nullptr;
  CLI::Option* cursor_ = nullptr;
};

}  // namespace sluice::app
