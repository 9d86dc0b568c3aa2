// sluice key ...
#include "app/command.hpp"

namespace sluice::app {

namespace {

constexpr std::string_view kKey = "Its number in `sluice key list`";

constexpr Column kKeys[] = {{"ID", "id", true},
                            {"NAME", "name"},
                            {"KEY", "prefix"},
                            {"USER", "user"},
                            {"TEAM", "team.name"},
                            {"FROM CONFIG", "configured"},
                            {"ENABLED", "enabled"},
                            {"QUOTA", "quota_tokens", true},
                            {"USED", "used_tokens", true},
                            {"QUOTA USD", "quota_usd", true},
                            {"USED USD", "used_usd", true},
                            {"RPM", "rpm", true},
                            {"MODELS", "models"},
                            {"EXPIRES", "expires_at"}};

constexpr Choice kModes[] = {{"mode", "strict,lenient,none"}};
constexpr Renamed kOverlap[] = {{"overlap_seconds", "overlap"}};

constexpr Command kCommands[] = {
    {.words = "key add",
     .method = "POST",
     .pattern = "/api/admin/keys",
     .example = "key add laptop --user alice --rpm 60 --models 'gpt-*,o3' > key.txt",
     .also = "create",
     .arguments = "name",
     .choices = kModes,
     .once = "key"},
    {.words = "key list",
     .method = "GET",
     .pattern = "/api/admin/keys",
     .example = "key list --user alice",
     .columns = kKeys},
    {.words = "key show",
     .method = "GET",
     .pattern = "/api/admin/keys/{id}",
     .example = "key show 2",
     .subject = kKey,
     .numbered = true},
    {.words = "key set",
     .method = "PATCH",
     .pattern = "/api/admin/keys/{id}",
     .example = "key set 2 --quota-usd 20 --budget-day 1.50 --models none",
     .also = "change",
     .subject = kKey,
     .numbered = true,
     .choices = kModes},
    {.words = "key rotate",
     .method = "POST",
     .pattern = "/api/admin/keys/{id}/rotate",
     .example = "key rotate 2 --overlap 3600 > key.txt",
     .subject = kKey,
     .numbered = true,
     .renamed = kOverlap,
     .once = "key"},
    {.words = "key remove",
     .method = "DELETE",
     .pattern = "/api/admin/keys/{id}",
     .example = "key remove 2",
     .also = "delete",
     .subject = kKey,
     .numbered = true,
     .line = "deleted key {id} \"{name}\""},
};

}  // namespace

std::span<const Command> key_commands() { return kCommands; }

}  // namespace sluice::app
