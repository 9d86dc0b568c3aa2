// sluice worker, live, settings, audit: what runs, how it is set, and who has changed what.
#include "app/command.hpp"

namespace sluice::app {

namespace {

constexpr std::string_view kWorker = "Its id in `sluice worker list`";

constexpr Column kWorkers[] = {{"ID", "id"},
                               {"STATE", "state"},
                               {"ENDPOINT", "endpoint"},
                               {"MODELS", "models"},
                               {"SCORE", "score", true}};
constexpr Column kSettings[] = {{"NAME", "name"},       {"VALUE", "value"},
                                {"SOURCE", "source"},   {"PLACE", "place"},
                                {"LINE", "line", true}, {"NEEDS RESTART", "needs_restart"}};
constexpr Column kAudit[] = {{"ID", "id", true},  {"TIME", "at"},       {"BY", "actor"},
                             {"FROM", "address"}, {"ACTION", "action"}, {"SUBJECT", "subject"}};

constexpr Command kCommands[] = {
    {.words = "worker list",
     .method = "GET",
     .pattern = "/api/admin/workers",
     .example = "worker list",
     .needs_gateway = true,
     .columns = kWorkers},
    {.words = "worker show",
     .method = "GET",
     .pattern = "/api/admin/workers/{id}",
     .example = "worker show gpu-7",
     .subject = kWorker,
     .needs_gateway = true},
    {.words = "worker drain",
     .method = "DELETE",
     .pattern = "/api/admin/workers/{id}",
     .example = "worker drain gpu-7",
     .also = "remove",
     .subject = kWorker,
     .needs_gateway = true},
    {.words = "live list",
     .method = "GET",
     .pattern = "/api/live",
     .example = "live list",
     .needs_gateway = true},
    {.words = "live cancel",
     .method = "POST",
     .pattern = "/api/live/{id}/cancel",
     .example = "live cancel req_0f3a",
     .subject = "Its request id in `sluice live list`",
     .needs_gateway = true},
    {.words = "settings list",
     .method = "GET",
     .pattern = "/api/admin/settings",
     .example = "settings",
     .bare = true,
     .columns = kSettings},
    {.words = "audit list",
     .method = "GET",
     .pattern = "/api/admin/audit",
     .example = "audit --from 2026-11-01 --limit 100",
     .bare = true,
     .columns = kAudit},
};

}  // namespace

std::span<const Command> operation_commands() { return kCommands; }

}  // namespace sluice::app
