// sluice provider, rule, group: where requests go.
#include "app/command.hpp"

namespace sluice::app {

namespace {

constexpr std::string_view kProvider = "Its name, or its id in `sluice provider list`";
constexpr std::string_view kRule = "Its id in `sluice rule list`";
constexpr std::string_view kGroup = "Its id in `sluice group list`";

constexpr Column kProviders[] = {{"ID", "id", true},       {"NAME", "name"},
                                 {"TYPE", "type"},         {"BASE URL", "base_url"},
                                 {"KEYS", "api_keys"},     {"DEFAULT", "default"},
                                 {"MODELS", "models"},     {"SOURCE", "source"},
                                 {"IN FORCE", "in_force"}, {"PROBLEM", "problem"}};
constexpr Column kRules[] = {
    {"ID", "id", true},   {"TYPE", "type"},         {"PATTERN", "pattern"},
    {"TARGET", "target"}, {"MODEL", "model"},       {"PRIORITY", "priority", true},
    {"SOURCE", "source"}, {"IN FORCE", "in_force"}, {"PROBLEM", "problem"}};
constexpr Column kGroups[] = {
    {"ID", "id", true},     {"NAME", "name"},     {"STRATEGY", "strategy"}, {"RESUME", "resume"},
    {"MEMBERS", "members"}, {"SOURCE", "source"}, {"IN FORCE", "in_force"}, {"PROBLEM", "problem"}};

constexpr Column kProviderKeys[] = {{"ID", "id"}, {"KEY", "prefix"}};

constexpr Renamed kKeyFile[] = {{"api_key", "key"}};
constexpr Choice kTypes[] = {{"type", "openai,anthropic,gemini,zai,openai_compatible"}};
constexpr Choice kPatterns[] = {{"type", "exact,prefix"}};
constexpr Choice kStrategies[] = {
    {"strategy", "round_robin,random,weighted_round_robin,least_connections,vram,predicted"},
    {"resume", "none,restart,continue,"}};

constexpr Command kCommands[] = {
    {.words = "provider list",
     .method = "GET",
     .pattern = "/api/admin/providers",
     .example = "provider list",
     .columns = kProviders},
    {.words = "provider show",
     .method = "GET",
     .pattern = "/api/admin/providers/{id}",
     .example = "provider show openai-main",
     .subject = kProvider},
    {.words = "provider add",
     .method = "POST",
     .pattern = "/api/admin/providers",
     .example = "provider add openai-main openai --key-env OPENAI_API_KEY --default",
     .arguments = "name,type",
     .choices = kTypes},
    {.words = "provider set",
     .method = "PATCH",
     .pattern = "/api/admin/providers/{id}",
     .example = "provider set openai-main --models 'gpt-4o,gpt-4o-mini'",
     .subject = kProvider,
     .choices = kTypes},
    {.words = "provider test",
     .method = "POST",
     .pattern = "/api/admin/providers/{id}/test",
     .example = "provider test openai-main --model gpt-4o-mini",
     .subject = kProvider},
    {.words = "provider keys list",
     .method = "GET",
     .pattern = "/api/admin/providers/{id}/keys",
     .example = "provider keys list openai-main",
     .subject = kProvider,
     .columns = kProviderKeys},
    {.words = "provider keys add",
     .method = "POST",
     .pattern = "/api/admin/providers/{id}/keys",
     .example = "provider keys add openai-main --key-file -",
     .subject = kProvider,
     .renamed = kKeyFile},
    {.words = "provider keys set",
     .method = "PATCH",
     .pattern = "/api/admin/providers/{id}",
     .example = "provider keys set openai-main --key-file keys.txt",
     .help = "Puts other keys in the place of a provider's.",
     .options = "api_keys",
     .subject = kProvider},
    {.words = "provider keys remove",
     .method = "DELETE",
     .pattern = "/api/admin/providers/{id}/keys/{key}",
     .example = "provider keys remove openai-main 3f9c2a",
     .subject = kProvider,
     .version_of = "/api/admin/providers/{id}"},
    {.words = "provider remove",
     .method = "DELETE",
     .pattern = "/api/admin/providers/{id}",
     .example = "provider remove openai-main",
     .subject = kProvider,
     .line = "deleted provider {id} \"{name}\""},

    {.words = "route show",
     .method = "GET",
     .pattern = "/api/admin/routing",
     .example = "route show --json > draft.json"},
    {.words = "rule list",
     .method = "GET",
     .pattern = "/api/admin/routing/rules",
     .example = "rule list",
     .columns = kRules},
    {.words = "rule show",
     .method = "GET",
     .pattern = "/api/admin/routing/rules/{id}",
     .example = "rule show 3",
     .subject = kRule,
     .numbered = true},
    {.words = "rule add",
     .method = "POST",
     .pattern = "/api/admin/routing/rules",
     .example = "rule add prefix 'gpt-*' openai-main --priority 10",
     .arguments = "type,pattern,target",
     .choices = kPatterns},
    {.words = "rule set",
     .method = "PATCH",
     .pattern = "/api/admin/routing/rules/{id}",
     .example = "rule set 3 --target gpt-pool --disable",
     .subject = kRule,
     .numbered = true,
     .choices = kPatterns},
    {.words = "rule remove",
     .method = "DELETE",
     .pattern = "/api/admin/routing/rules/{id}",
     .example = "rule remove 3",
     .subject = kRule,
     .numbered = true,
     .line = "deleted rule {id}"},

    {.words = "group list",
     .method = "GET",
     .pattern = "/api/admin/routing/groups",
     .example = "group list",
     .columns = kGroups},
    {.words = "group show",
     .method = "GET",
     .pattern = "/api/admin/routing/groups/{id}",
     .example = "group show 2",
     .subject = kGroup,
     .numbered = true},
    {.words = "group add",
     .method = "POST",
     .pattern = "/api/admin/routing/groups",
     .example = "group add gpt-pool --member openai-main,weight=3 --member workers",
     .arguments = "name",
     .choices = kStrategies},
    {.words = "group set",
     .method = "PATCH",
     .pattern = "/api/admin/routing/groups/{id}",
     .example = "group set 2 --strategy predicted",
     .subject = kGroup,
     .numbered = true,
     .choices = kStrategies},
    {.words = "group remove",
     .method = "DELETE",
     .pattern = "/api/admin/routing/groups/{id}",
     .example = "group remove 2",
     .subject = kGroup,
     .numbered = true,
     .line = "deleted group {id}"},
};

}  // namespace

std::span<const Command> routing_commands() { return kCommands; }

}  // namespace sluice::app
