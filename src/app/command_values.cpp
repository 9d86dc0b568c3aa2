#include "app/command_values.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/text.hpp"
#include "json/reader.hpp"

namespace sluice::app {

namespace {

constexpr size_t kMostBytes = size_t{1} << 20;  // of a file; the gateway takes less

constexpr ObjectForm kForms[] = {
    {.field = "members",
     .option = "member",
     .first = "target",
     .numbers = "weight",
     .example = "TARGET[,weight=N][,model=NAME]",
     .help = "A provider, or workers, that shares the load; once for each"},
    {.field = "prices",
     .option = "price",
     .first = "model",
     .numbers = "",
     .example = "MODEL,input=USD,output=USD",
     .help = "USD for 1M tokens of a model, also cache_read, cache_write and scope; once for each"},
};

std::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::kConfig, std::move(what)); }

Result<std::string> content_of(const std::string& file) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file, std::ios::binary);
    if (!opened) return wrong(fmt::format("{} cannot be read", file));
  }
  std::istream& in = file == "-" ? std::cin : opened;
  std::string text;
  for (char c = 0; in.get(c);) {
    if (text.size() == kMostBytes) return wrong(fmt::format("{} is too long", file));
    text += c;
  }
  return text;
}

}  // namespace

const ObjectForm* objects_of(std::string_view field) {
  for (const ObjectForm& each : kForms) {
    if (each.field == field) return &each;
  }
  return nullptr;
}

Status write_objects(json::Writer& json, const ObjectForm& form,
                     const std::vector<std::string>& given) {
  json.key(form.field).begin_array();
  for (const std::string& each : given) {
    json.begin_object();
    std::string_view name = form.first;
    Status written;
    for_each_in_list(each, [&](std::string_view part) {
      std::string_view value = part;
      if (name.empty()) {
        const size_t equals = part.find('=');
        name = part.substr(0, equals);
        value = equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1);
        if (equals == std::string_view::npos && written) {
          written = wrong(fmt::format("--{}: \"{}\" is no {}", form.option, each, form.example));
        }
      }
      bool number = false;
      for_each_in_list(form.numbers, [&](std::string_view other) { number |= other == name; });
      if (number && !parse_u64(value) && written) {
        written = wrong(fmt::format("--{}: {} must be a whole number", form.option, name));
      } else if (number) {
        json.raw_member(name, value);
      } else {
        json.member(name, value);
      }
      name = {};
    });
    if (!written) return written;
    json.end_object();
  }
  json.end_array();
  return {};
}

Result<std::string> json_given(const std::string& given, std::string_view option) {
  std::string text = given;
  if (given.starts_with('@')) {
    auto content = content_of(given.substr(1));
    if (!content) return content;
    text = trim(*content);
    while (text.ends_with('\n')) text.pop_back();
  }
  if (!json::valid(text)) return wrong(fmt::format("{} is no JSON", option));
  return text;
}

Result<std::vector<std::string>> read_secrets(const std::string& file) {
  auto content = content_of(file);
  if (!content) return std::unexpected(content.error());
  std::vector<std::string> secrets;
  std::string_view rest = *content;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line = trim(line); !line.empty()) secrets.emplace_back(line);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  if (secrets.empty()) return wrong(fmt::format("{} has no key", file));
  return secrets;
}

Result<std::vector<std::string>> secret_in_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return wrong(fmt::format("{} is not set", name));
  return std::vector<std::string>{value};
}

}  // namespace sluice::app
