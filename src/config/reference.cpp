#include "config/reference.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/options.hpp"

namespace sluice::config {

namespace {

std::string_view section_of(const Option& option) {
  return option.name.substr(0, option.name.find_first_of(".["));
}

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string default_cell(const Option& option) {
  if (option.type == Type::kSection) return "";
  if (option.required) return "required";
  if (option.name.ends_with("[]")) return "`[]`";
  if (!option.standard) return "";
  return option.standard->empty() ? "`\"\"`" : fmt::format("`{}`", *option.standard);
}

std::string takes_cell(const Option& option) {
  if (option.type == Type::kSection) return option.name.ends_with("[]") ? "a list" : "a section";
  std::string takes = expectation(option);
  if (option.type == Type::kSecret) takes = "a secret";
  return option.name.ends_with("[]") ? "a list, each " + takes : takes;
}

std::string row(const Option& option) {
  std::string meaning(option.help);
  if (!option.effective) meaning += " *No effect in this version.*";
  return fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", option.name, cell(takes_cell(option)),
                     default_cell(option),
                     option.env.empty() ? std::string() : fmt::format("`{}`", option.env),
                     option.type == Type::kSection       ? ""
                     : option.change == Change::kRestart ? "restart"
                                                         : "reload",
                     cell(meaning));
}

constexpr std::string_view kIntroduction =
    R"(# Configuration reference

This page is written from the declarations in `src/config/options_table.cpp`; a test fails when it
is out of date (`SLUICE_UPDATE=1 build/debug/bin/config_test` writes it again).

`sluice serve --config FILE` reads a YAML file; without `--config` it takes `configs/gateway.yaml`
where that exists. `sluice check --config FILE` tells what is wrong with one, line by line.

- **Precedence**: `--set key=value`, then the environment, then the file, then the default. With
  `--set`, list elements are numbers from 0: `--set providers.0.base_url=http://127.0.0.1:9900/v1`.
  An environment variable that is set and empty counts as not set.
- **Substitution**: `${NAME}` and `${NAME:-default}` are replaced inside of values after the YAML
  has been read; what is put in is never read as YAML. Without a default, an unset name is an
  error. `$${` is a plain `${`. In flow lists (`[...]`) quote them.
- **Secrets** may be read from a file: `admin_token_file: PATH` instead of `admin_token:`. A file
  for a list of secrets (`api_keys_file`) has one on each line. Paths are relative to the folder in
  which the gateway was started.
- **Durations** are `250ms`, `5s`, `15m`, `24h`, `1h30m`. **Sizes** are bytes, or `64KiB`, `32MiB`,
  `1GiB`, `1MB`. **Numbers** are decimal; a quoted number is text.
- An unknown key, a duplicate key, a wrong type or an impossible value is an error. A key without a
  value has its default.
- **Change** says whether a new value is taken up on reload (SIGHUP) or needs a restart.
- In names, `[]` is each element of a list and `*` any key.
)";

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string or_reference(std::string schema) {
  return fmt::format(R"("anyOf": [{{ {} }}, {{ "type": "string", "pattern": "\\$\\{{" }}])",
                     schema);
}

std::string bounds(const Option& option) {
  if (option.min == option.max) return {};
  return fmt::format(R"(, "minimum": {}, "maximum": {})", static_cast<int64_t>(option.min),
                     static_cast<int64_t>(option.max));
}

std::string leaf_schema(const Option& option) {
  switch (option.type) {
    case Type::kBool:
      return or_reference(R"("type": "boolean")");
    case Type::kInteger:
      return or_reference(R"("type": "integer")" + bounds(option));
    case Type::kNumber:
      return or_reference(R"("type": "number")" + bounds(option));
    case Type::kMoney:
    case Type::kSize:
    case Type::kTime:
      return R"("type": ["number", "string", "null"])";
    case Type::kChoice: {
      std::vector<std::string> choices;
      for (const std::string_view choice : choices_of(option)) choices.push_back(quoted(choice));
      return or_reference(fmt::format("\"enum\": [{}]", fmt::join(choices, ", ")));
    }
    case Type::kAny:
      return R"("type": ["string", "number", "boolean"])";
    case Type::kText:
    case Type::kSecret:
      return R"("type": ["string", "number", "null"])";
    case Type::kDuration:
    case Type::kUrl:
    case Type::kNetwork:
    case Type::kSection:
      break;
  }
  return R"("type": "string")";
}

std::string schema(const Shape& shape, int depth);

std::string member(std::string_view name, const std::string& body, int depth) {
  return fmt::format("{:{}}{}: {{ {} }}", "", depth * 2, quoted(name), body);
}

std::string map_schema(const Shape& shape, int depth) {
  std::vector<std::string> members;
  for (const Shape::Key& key : shape.keys) {
    members.push_back(member(key.name, schema(key.shape, depth + 1), depth + 1));
    const Option* option = key.shape.option;
    if (option == nullptr || option->type != Type::kSecret) continue;
    members.push_back(member(std::string(key.name) + "_file", R"("type": "string")", depth + 1));
  }
  std::string body = R"("type": ["object", "null"], "additionalProperties": )";
  body += shape.element.empty() ? "false"
                                : fmt::format("{{ {} }}", schema(shape.element.front(), depth + 1));
  if (members.empty()) return body;
  return body + ", \"properties\": {\n" + fmt::format("{}", fmt::join(members, ",\n")) + "\n" +
         std::string(static_cast<size_t>(depth) * 2, ' ') + "}";
}

std::string schema(const Shape& shape, int depth) {
  std::string body;
  if (shape.option != nullptr && !shape.option->help.empty()) {
    body = fmt::format("\"description\": {}, ", quoted(shape.option->help));
  }
  switch (shape.kind) {
    case Shape::Kind::kLeaf:
      return body + leaf_schema(*shape.option);
    case Shape::Kind::kMap:
      return body + map_schema(shape, depth);
    case Shape::Kind::kList:
      break;
  }
  std::string element = schema(shape.element.front(), depth);
  if (shape.option != nullptr && !shape.option->shorthand.empty()) {
    element = fmt::format(R"("anyOf": [{{ "type": "string" }}, {{ {} }}])", element);
  }
  return body + fmt::format(R"("type": ["array", "null"], "items": {{ {} }})", element);
}

}  // namespace

std::string reference_markdown() {
  std::string page(kIntroduction);
  std::string_view section;
  for (const Option& option : options()) {
    if (section_of(option) != section) {
      section = section_of(option);
      page += fmt::format(
          "\n## {}\n\n{}| option | takes | default | environment | change | meaning |\n"
          "|---|---|---|---|---|---|\n",
          section, option.type == Type::kSection ? std::string(option.help) + "\n\n" : "");
    }
    const bool heading = option.type == Type::kSection && !option.name.contains('.');
    if (!heading) page += row(option);
  }
  page += "\n## Other environment variables\n\n| name | meaning |\n|---|---|\n";
  for (const EnvironmentName& name : other_environment()) {
    page += fmt::format("| `{}` | {} |\n", name.name, name.help);
  }
  return page;
}

std::string schema_json() {
  return fmt::format(
      "{{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
      "  \"title\": \"Sluice configuration\",\n  {}\n}}\n",
      schema(root_shape(), 1));
}

}  // namespace sluice::config
