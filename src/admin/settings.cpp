// Every option as it holds.
#include "admin/configuring.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

std::string_view name_of(config::Setting::Source source) {
  switch (source) {
    case config::Setting::Source::kDefault:
      return "default";
    case config::Setting::Source::kFile:
      return "file";
    case config::Setting::Source::kEnvironment:
      return "environment";
    case config::Setting::Source::kCommandLine:
      return "command_line";
    case config::Setting::Source::kDatabase:
      break;
  }
  return "database";
}

Result<Answer> list_settings(const Call& call) {
  const auto settings = effective(call).settings();
  if (!settings) return std::unexpected(settings.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const config::Setting& each : *settings) {
    json.begin_object()
        .member("name", each.name)
        .raw_member("value", each.value)
        .member("secret", each.secret)
        .member("source", name_of(each.source))
        .member("place", each.place);
    if (each.line != 0) {
      json.member("line", each.line);
    } else {
      json.null_member("line");
    }
    json.member("needs_restart", each.needs_restart).end_object();
  }
  json.end_array().null_member("next_cursor").end_object();
  return answer;
}

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/settings",
     .handle = list_settings,
     .summary = "Every option with its value, where that comes from, and whether a change needs a "
                "restart.",
     .configures = true,
     .short_list = true},
};

}  // namespace

std::span<const Route> setting_routes() { return kRoutes; }

}  // namespace sluice::admin
