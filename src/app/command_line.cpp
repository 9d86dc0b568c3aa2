#include "app/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "app/command_values.hpp"
#include "app/password.hpp"
#include "base/ids.hpp"
#include "base/money.hpp"
#include "base/text.hpp"
#include "http/url.hpp"

namespace sluice::app {

namespace {

using admin::Field;
using admin::FieldKind;

constexpr std::string_view kNone = "none";
constexpr std::string_view kUsualLimit = "50";
constexpr std::string_view kIdempotencyKey = "idempotency_key";
constexpr std::string_view kBudgets[] = {"day", "week", "month"};

/// Said in other ways than by an option of their own.
bool is_about_pages(std::string_view field) {
  return field == "limit" || field == "cursor" || field == "format";
}

/// Of a list such as "name,role!": whether it has a field, and whether it needs it.
struct Listed {
  bool there = false;
  bool needed = false;
};

Listed listed(std::string_view list, std::string_view field) {
  Listed found;
  for_each_in_list(list, [&](std::string_view each) {
    const bool needed = each.ends_with('!');
    if (needed) each.remove_suffix(1);
    if (each == field || each == "*") found = {.there = true, .needed = needed};
  });
  return found;
}

/// As an option is written: "base-url".
std::string dashed(std::string_view field) {
  std::string name(field);
  std::ranges::replace(name, '_', '-');
  return name;
}

/// "none" is no value of it.
bool takes_none(const Field& field) {
  return field.kind == FieldKind::kMoney || field.kind == FieldKind::kTime ||
         field.name == "mode" || field.name == "team";
}

// What is given stays with the option: which value that is depends on its form.

CLI::Option* offer(CLI::App& app, const std::string& name, const std::string& help) {
  return app.add_option(name, CLI::callback_t(), help);
}

CLI::Option* offer_flag(CLI::App& app, const std::string& name, const std::string& help) {
  return app.add_flag(name, help);
}

CLI::Validator not_empty() {
  return {[](const std::string& text) {
            return text.empty() ? std::string("must not be empty") : std::string();
          },
          ""};
}

CLI::Validator number_check(bool none) {
  return {[none](const std::string& text) {
            if (none && text == kNone) return std::string();
            const size_t sign = text.starts_with('-') ? 1 : 0;
            return parse_u64(std::string_view(text).substr(sign)) ? std::string()
                                                                  : "must be a whole number";
          },
          ""};
}

CLI::Validator id_check() {
  return {[](const std::string& text) {
            return parse_u64(text).value_or(0) > 0 ? std::string()
                                                   : "must be a number above 0, not " + text;
          },
          ""};
}

CLI::Validator money_check(bool none) {
  return {[none](const std::string& text) {
            if (none && text == kNone) return std::string();
            const auto amount = parse_money(text);
            return amount ? std::string() : amount.error().message;
          },
          ""};
}

CLI::Validator choice_check(const Choice& choice) {
  return {[&choice](const std::string& text) {
            std::string wrong;
            const auto check = [&](std::string_view each) {
              if (!listed(choice.values, each).there) wrong = each.empty() ? "''" : each;
            };
            if (choice.list) {
              for_each_in_list(text, check);
            } else {
              check(text);
            }
            return wrong.empty() ? wrong : fmt::format("{} is none of {}", wrong, choice.values);
          },
          ""};
}

}  // namespace

CommandLine::CommandLine(CLI::App& app, const Command& command)
    : app_(app), command_(command), changes_(command.method == "PATCH") {
  add_user();
  add_subjects();
  if (const admin::Route* route = route_of(command)) {
    add_fields(route->body, Place::kBody);
    add_fields(route->query, Place::kQuery);
  }
  for (const Shorthand& each : command.shorthands) {
    shorthands_.emplace_back(&each,
                             offer_flag(app, std::string(each.flag), std::string(each.help)));
  }
}

void CommandLine::add_user() {
  switch (command_.as) {
    case ActAs::kNobody:
      return;
    case ActAs::kArgument:
      as_ = offer(app_, "user", "Whose; name or id")->required();
      break;
    case ActAs::kOption:
      as_ = offer(app_, "--as", "As which user; name or id")->required();
      break;
    case ActAs::kOwner:
      as_ = offer(app_, "--as", "As which user; name or id (default: an owner of the team)");
      break;
  }
  as_->type_name("USER")->check(not_empty());
}

void CommandLine::add_subjects() {
  for (const std::string_view segment : segments_of(command_.pattern)) {
    const bool first = parameters_.empty();
    const std::string help(first && !command_.subject.empty() ? command_.subject : "Name or id");
    CLI::Option* argument = offer(app_, std::string(segment), help);
    argument->required();
    if (first && command_.numbered) {
      argument->check(id_check())->type_name("N");
    } else {
      argument->check(not_empty());
    }
    parameters_.push_back({.place = Place::kPath,
                           .form = Form::kText,
                           .field = {.name = segment},
                           .option = argument});
  }
}

void CommandLine::add_fields(std::span<const Field> fields, Place place) {
  // In the order in which they are said, which need not be the route's.
  for_each_in_list(command_.arguments, [&](std::string_view name) {
    const bool needed = name.ends_with('!');
    if (needed) name.remove_suffix(1);
    const auto field = std::ranges::find(fields, name, &Field::name);
    if (field != fields.end()) add_argument(*field, place, needed);
  });
  for (const Field& field : fields) {
    if (is_about_pages(field.name) || listed(command_.arguments, field.name).there) continue;
    const Listed wanted = listed(command_.options, field.name);
    if (wanted.there) add_option(field, place, wanted.needed);
  }
  if (std::ranges::find(fields, "limit", &Field::name) != fields.end()) add_page();
}

void CommandLine::add_page() {
  limit_ = offer(app_, "--limit", fmt::format("So many at most (default: {})", kUsualLimit));
  limit_->type_name("N")->check(CLI::Range(size_t{1}, kMostListed, "N"));
  cursor_ = offer(app_, "--cursor", "Goes on where another list has ended");
  cursor_->type_name("TEXT")->check(not_empty());
}

CommandLine::Form CommandLine::form_of(const Field& field) const {
  if (field.name == "api_keys") return Form::kSecrets;
  if (field.name == "code" || field.kind == FieldKind::kSecret) return Form::kSecret;
  if (objects_of(field.name) != nullptr) return Form::kObjects;
  switch (field.kind) {
    case FieldKind::kCount:
    case FieldKind::kInteger:
      return Form::kNumber;
    case FieldKind::kFlag:
      return Form::kFlag;
    case FieldKind::kTexts:
      return Form::kList;
    case FieldKind::kObject:
    case FieldKind::kObjects:
      return Form::kJson;
    default:
      return Form::kText;
  }
}

void CommandLine::check(CLI::Option& made, const Field& field, Place place) const {
  const bool none = !field.required;
  if (field.kind == FieldKind::kCount || field.kind == FieldKind::kInteger) {
    made.check(number_check(none))->type_name("N");
  }
  if (field.kind == FieldKind::kMoney) made.check(money_check(none))->type_name("USD");
  if (field.kind == FieldKind::kTime) made.type_name("TIME");
  if (field.kind == FieldKind::kTexts) made.type_name("LIST");
  if (field.kind == FieldKind::kText) made.type_name("TEXT");
  if (place == Place::kQuery) made.check(not_empty());
  for (const Choice& each : command_.choices) {
    if (each.field == field.name) made.check(choice_check(each));
  }
}

void CommandLine::add_argument(const Field& field, Place place, bool needed) {
  CLI::Option* argument = offer(app_, std::string(field.name), std::string(field.help));
  argument->required(needed || field.required);
  check(*argument, field, place);
  parameters_.push_back(
      {.place = place, .form = form_of(field), .field = field, .option = argument});
}

void CommandLine::add_option(Field field, Place place, bool needed) {
  const Form form = form_of(field);
  std::string name = dashed(field.name);
  for (const Renamed& each : command_.renamed) {
    if (each.field == field.name) name = each.option;
  }
  std::string help(field.help);
  const bool required = needed || (field.required && field.name != kIdempotencyKey);
  const auto keep = [&](CLI::Option* made, Form kind, std::string inner = {}) -> CLI::Option* {
    parameters_.push_back(
        {.place = place, .form = kind, .field = field, .option = made, .inner = std::move(inner)});
    return made;
  };
  if (field.name == "budgets") {
    for (const std::string_view span : kBudgets) {
      CLI::Option* made =
          offer(app_, fmt::format("--budget-{}", span),
                fmt::format("USD in a {}, UTC{}", span, span == "week" ? ", from Monday" : ""));
      made->check(money_check(true))->type_name("USD");
      keep(made, Form::kBudget, std::string(span));
    }
    return;
  }
  switch (form) {
    case Form::kFlag: {
      const bool enables = field.name == "enabled";
      CLI::Option* yes =
          keep(offer_flag(app_, enables ? "--enable" : "--" + name, help), form, "true");
      keep(offer_flag(app_, enables ? "--disable" : "--no-" + name, "The contrary"), form, "false")
          ->excludes(yes);
      return;
    }
    case Form::kSecret: {
      // A password is asked for where it is needed and nothing says where it stands.
      const bool asked_for = required && field.name == "password";
      help = fmt::format("File whose first line is the {}, - for stdin{}", name,
                         asked_for ? " (default: asks for it)" : "");
      keep(offer(app_, fmt::format("--{}-file", name), help), form)
          ->required(required && !asked_for)
          ->type_name("FILE")
          ->check(not_empty());
      parameters_.back().asked_for = asked_for;
      return;
    }
    case Form::kSecrets:
      keep(offer(app_, "--key-file",
                 std::string("File with keys, one a line, - for stdin; "
                             "may be repeated")),
           form)
          ->type_name("FILE")
          ->check(not_empty())
          ->take_all()
          ->allow_extra_args(false);
      keep(
          offer(app_, "--key-env", std::string("Environment variable with a key; may be repeated")),
          Form::kSecretsEnv)
          ->type_name("NAME")
          ->check(not_empty())
          ->take_all()
          ->allow_extra_args(false);
      return;
    case Form::kObjects: {
      const ObjectForm& of = *objects_of(field.name);
      keep(offer(app_, fmt::format("--{}", of.option), std::string(of.help)), form)
          ->required(required)
          ->type_name(std::string(of.example))
          ->take_all()
          ->allow_extra_args(false);
      return;
    }
    default:
      break;
  }
  if (changes_ && form != Form::kJson && field.kind != FieldKind::kText && !field.required &&
      field.kind != FieldKind::kInteger) {
    help += " none: takes it away.";
  }
  CLI::Option* made = keep(offer(app_, "--" + name, help), form);
  made->required(required);
  check(*made, field, place);
  if (form == Form::kList) made->delimiter(',')->take_all()->allow_extra_args(false);
  if (form == Form::kJson) made->type_name("JSON or @FILE");
}

size_t CommandLine::limit() const {
  const auto number = parse_u64(limit_->empty() ? kUsualLimit : limit_->results().front());
  return static_cast<size_t>(number.value_or(1));
}

std::string CommandLine::cursor() const {
  return cursor_->empty() ? std::string() : cursor_->results().front();
}

std::string CommandLine::option_of(std::string_view field) const {
  for (const Parameter& each : parameters_) {
    if (each.place == Place::kPath || each.field.name != field) continue;
    const std::string name = each.option->get_name();
    return name.starts_with('-') ? name : std::string();
  }
  return {};
}

std::string CommandLine::query() const {
  std::string query;
  if (!command_.fixed_query.empty()) query = fmt::format("?{}", command_.fixed_query);
  const auto add = [&](std::string_view name, std::string_view value) {
    query += fmt::format("{}{}={}", query.empty() ? '?' : '&', name, http::percent_encode(value));
  };
  for (const Parameter& each : parameters_) {
    if (each.place == Place::kQuery && !each.option->empty()) {
      add(each.field.name, each.option->results().front());
    }
  }
  if (command_.method != "GET") return query;
  for (const auto& [shorthand, flag] : shorthands_) {
    if (!flag->empty()) add(shorthand->field, shorthand->value);
  }
  return query;
}

Status CommandLine::write(json::Writer& json, const Parameter& parameter) const {
  const Field& field = parameter.field;
  const std::vector<std::string>& results = parameter.option->results();
  const std::string value = results.empty() ? std::string() : results.front();
  const bool none = !field.required && value == kNone;
  switch (parameter.form) {
    case Form::kNumber:
      if (none) {
        json.null_member(field.name);
      } else {
        json.key(field.name).raw(value);
      }
      return {};
    case Form::kFlag:
      json.raw_member(field.name, parameter.inner);
      return {};
    case Form::kList:
      json.key(field.name).begin_array();
      for (const std::string& each : results) {
        if (each != kNone) json.string(each);
      }
      json.end_array();
      return {};
    case Form::kJson: {
      const auto text = json_given(value, parameter.option->get_name());
      if (!text) return std::unexpected(text.error());
      json.raw_member(field.name, *text);
      return {};
    }
    case Form::kObjects:
      return write_objects(json, *objects_of(field.name), results);
    case Form::kSecret: {
      const auto secret = read_password(value);
      if (!secret) return std::unexpected(secret.error());
      json.member(field.name, *secret);
      return {};
    }
    case Form::kText:
      // Only a change can take something away.
      if ((changes_ && value.empty()) || (none && takes_none(field))) {
        json.null_member(field.name);
      } else {
        json.member(field.name, value);
      }
      return {};
    case Form::kSecrets:
    case Form::kSecretsEnv:
    case Form::kBudget:
      break;  // several make one member
  }
  return {};
}

Status CommandLine::write_secrets(json::Writer& json) const {
  std::string_view field;
  std::vector<std::string> secrets;
  for (const Parameter& each : parameters_) {
    if (each.form != Form::kSecrets && each.form != Form::kSecretsEnv) continue;
    for (const std::string& where : each.option->results()) {
      auto found = each.form == Form::kSecrets ? read_secrets(where) : secret_in_environment(where);
      if (!found) return std::unexpected(found.error());
      std::ranges::move(*found, std::back_inserter(secrets));
      field = each.field.name;
    }
  }
  if (field.empty()) return {};
  json.key(field).begin_array();
  for (const std::string& each : secrets) json.string(each);
  json.end_array();
  return {};
}

void CommandLine::write_budgets(json::Writer& json) const {
  bool begun = false;
  for (const Parameter& each : parameters_) {
    if (each.form != Form::kBudget || each.option->empty()) continue;
    if (!begun) json.key(each.field.name).begin_object();
    begun = true;
    if (const std::string& value = each.option->results().front(); value == kNone) {
      json.null_member(each.inner);
    } else {
      json.member(each.inner, value);
    }
  }
  if (begun) json.end_object();
}

Status CommandLine::write_body(Asked& asked) const {
  json::Writer json(asked.body);
  json.begin_object();
  if (!command_.fixed_field.empty()) json.raw_member(command_.fixed_field, command_.fixed_value);
  for (const auto& [shorthand, flag] : shorthands_) {
    if (command_.method != "GET" && !flag->empty()) json.member(shorthand->field, shorthand->value);
  }
  for (const Parameter& each : parameters_) {
    if (each.place != Place::kBody) continue;
    if (each.field.name == kIdempotencyKey) {
      asked.idempotency_key =
          each.option->empty() ? make_id("cli-") : each.option->results().front();
      json.member(kIdempotencyKey, asked.idempotency_key);
      continue;
    }
    if (each.option->empty() && !each.asked_for) continue;
    if (Status written = write(json, each); !written) return written;
  }
  write_budgets(json);
  if (Status written = write_secrets(json); !written) return written;
  json.end_object();
  return {};
}

Result<Asked> CommandLine::read() const {
  Asked asked;
  if (as_ != nullptr && !as_->empty()) asked.user = as_->results().front();
  asked.path = command_.pattern;
  for (const Parameter& each : parameters_) {
    if (each.place != Place::kPath) continue;
    const std::string variable = fmt::format("{{{}}}", each.field.name);
    asked.path.replace(asked.path.find(variable), variable.size(),
                       http::percent_encode(each.option->results().front()));
  }
  asked.query = query();
  if (Status written = write_body(asked); !written) return std::unexpected(written.error());
  if (asked.body == "{}" && changes_) {
    return fail(ErrorCode::kConfig,
                fmt::format("there is nothing to change: see sluice {} --help", command_.words));
  }
  if (asked.body == "{}") asked.body.clear();
  return asked;
}

}  // namespace sluice::app
