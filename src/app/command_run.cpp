#include "app/command_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <optional>
#include <utility>

#include "admin/client.hpp"
#include "api/prober.hpp"
#include "app/table.hpp"
#include "http/url.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::app {

namespace {

constexpr size_t kPage = 1000;  // rows that are asked for at once

using Rows = std::vector<json::Value>;

std::string_view all_but_last_word(std::string_view words) {
  const size_t blank = words.rfind(' ');
  return blank == std::string_view::npos ? words : words.substr(0, blank);
}

/// The command with `last` in the place of this one's last word; null where there is none.
const Command* sibling(const Command& command, std::string_view last) {
  const std::string wanted = fmt::format("{} {}", all_but_last_word(command.words), last);
  const auto& all = all_commands();
  const auto found = std::ranges::find(all, wanted, &Command::words);
  return found == all.end() ? nullptr : &*found;
}

/// A line with what its {braces} name.
std::string filled(std::string_view line, json::Value answer) {
  std::string out;
  while (!line.empty()) {
    const size_t open = line.find('{');
    out += line.substr(0, open);
    if (open == std::string_view::npos) break;
    const size_t close = line.find('}', open);
    out += shown(value_at(answer, line.substr(open + 1, close - open - 1)));
    line.remove_prefix(close + 1);
  }
  return out + '\n';
}

/// What is shown once stands alone on stdout, so that it can be piped to where it belongs.
std::string once(const Command& command, json::Value answer) {
  const json::Value list = answer["data"];
  const Rows made = list.exists() ? rows_in(list) : Rows{answer};
  const std::string_view noun = all_but_last_word(command.words);
  if (made.size() == 1) {
    const std::string name = shown(made.front()["name"]);
    std::fprintf(stderr, "%.*s %s%s, shown only now:\n", static_cast<int>(noun.size()), noun.data(),
                 shown(made.front()["id"]).c_str(),
                 name.empty() ? "" : fmt::format(" \"{}\"", name).c_str());
  } else {
    std::fprintf(stderr, "%zu made, shown only now:\n", made.size());
  }
  std::string lines;
  for (const json::Value& each : made) lines += shown(each[command.once]) + '\n';
  return lines;
}

/// What was asked for, of an answer such as {"user": {...}}.
json::Value inner(json::Value answer) {
  json::Members members(answer);
  json::Member only;
  json::Member other;
  if (!members.next(only) || members.next(other)) return answer;
  return only.value.kind() == json::Kind::kObject ? only.value : answer;
}

std::string human(const Command& command, json::Value answer) {
  if (command.human != nullptr) return command.human(answer);
  if (!command.once.empty()) return once(command, answer);
  if (!command.line.empty()) return filled(command.line, inner(answer));
  const json::Value list = answer["data"];
  if (!command.columns.empty()) {
    return table(command.columns, list.exists() ? rows_in(list) : Rows{inner(answer)},
                 terminal_width());
  }
  return details(inner(answer), terminal_width());
}

std::string csv(const Rows& rows, bool with_header) {
  std::string out;
  if (with_header && !rows.empty()) out = csv_header(rows.front());
  for (const json::Value& row : rows) out += csv_line(row);
  return out;
}

/// Who answers.
struct Reached {
  config::ConfigPtr config;
  std::optional<api::Prober> prober;  // outlives the client, which may ask by it
  std::optional<admin::Client> client;

  /// 0, or the exit status of what went wrong, which has been told.
  int reach(const Shared& shared, bool needs_gateway) {
    auto loaded = load_config(shared.config.load_options());
    if (!loaded) return complain(loaded.error());
    config = std::move(*loaded);
    auto running = admin::Client::running(*config);
    if (!running) return complain(running.error(), kFailed);
    client = std::move(*running);
    if (client) return 0;
    if (needs_gateway) {
      return complain({.code = ErrorCode::kIo,
                       .message = fmt::format("no gateway runs in {}, and only one that runs "
                                              "knows this",
                                              config->data_dir),
                       .param = {}},
                      kFailed);
    }
    // The log of what is refused is a gateway's; whoever is at the shell is told.
    log::start({.level = log::Level::kError, .fd = STDERR_FILENO});
    prober.emplace();
    auto alone = admin::Client::open(
        *config, {.options = shared.config.load_options(),
                  .probe = [this](const config::Provider& provider, const std::string& model) {
                    return prober->probe(provider, model);
                  }});
    if (!alone) return complain(alone.error(), kFailed);
    client = std::move(*alone);
    return 0;
  }

  /// Tells people, where a command did without a gateway, which folder it worked on: a relative
  /// data_dir may not be the one that they mean.
  void say_where(const Shared& shared) const {
    if (shared.json || shared.csv || client->through_gateway()) return;
    std::fflush(stdout);
    std::fprintf(stderr, "no gateway runs: this was done in %s\n", config->data_dir.c_str());
  }
};

/// One command that is being carried out.
class Run {
 public:
  Run(const Command& command, const CommandLine& line, const Shared& shared)
      : command_(command), line_(line), shared_(shared) {}

  int all() {
    auto asked = line_.read();
    if (!asked) return complain(asked.error());
    asked_ = std::move(*asked);
    if (const int failed = reached_.reach(shared_, command_.needs_gateway); failed != 0) {
      return failed;
    }
    if (Status found = find_owner(); !found) return complain(found.error(), kFailed);
    const auto status = line_.in_pages() ? list() : single();
    if (!status) return complain(explained(status.error()), kFailed);
    reached_.say_where(shared_);
    return *status;
  }

 private:
  /// Who may do it where the command line names nobody.
  Status find_owner() {
    if (command_.as != ActAs::kOwner || !asked_.user.empty()) return {};
    const std::string team = beginning_like("/api/teams/{id}");
    const auto members = reached_.client->ask(
        {.method = "GET",
         .target = fmt::format("/api/admin{}/members?limit={}", team.substr(4), kPage)});
    if (!members) return std::unexpected(members.error());
    for (const json::Value& each : rows_in(json::Value(members->body)["data"])) {
      if (each["role"].as_string() != "owner") continue;
      asked_.user = shown(each["user_id"]);
      return {};
    }
    return fail(ErrorCode::kNotFound, "the team has no owner: say as whom, with --as");
  }

  Result<admin::Reply> ask(std::string query) {
    admin::Question question{.method = command_.method,
                             .target = asked_.path + std::move(query),
                             .body = asked_.body,
                             .user = asked_.user};
    // What a command changes is what is there when it begins: who is slower is told so.
    if (changes_a_version()) {
      const std::string path =
          command_.version_of.empty() ? asked_.path : beginning_like(command_.version_of);
      const auto there =
          reached_.client->ask({.method = "GET", .target = path, .user = asked_.user});
      if (!there) return std::unexpected(there.error());
      question.if_match = there->etag;
    }
    return reached_.client->ask(question);
  }

  bool changes_a_version() const {
    if (command_.method != "PATCH" && command_.method != "DELETE") return false;
    if (!command_.version_of.empty()) return true;
    return std::ranges::any_of(admin::all_routes(), [&](const admin::Route& route) {
      return route.method == "GET" && route.pattern == command_.pattern;
    });
  }

  /// The asked path, as far as `pattern` goes.
  std::string beginning_like(std::string_view pattern) const {
    size_t end = 0;
    for (const char c : pattern) {
      if (c == '/') end = asked_.path.find('/', end) + 1;
    }
    end = asked_.path.find('/', end);
    return asked_.path.substr(0, end);
  }

  Result<int> single() {
    const auto reply = ask(asked_.query);
    if (!reply) return std::unexpected(reply.error());
    const json::Value answer(reply->body);
    if (shared_.json) {
      print(reply->body + '\n');
    } else if (shared_.csv) {
      print(csv(rows_in(answer["data"]), true));
    } else {
      print(human(command_, answer));
    }
    return command_.status == nullptr ? 0 : command_.status(answer);
  }

  /// Page by page, as many rows as were asked for.
  Result<int> list() {
    std::deque<std::string> pages;  // what the rows point into
    Rows rows;
    std::string cursor = line_.cursor();
    size_t left = line_.limit();
    bool first = true;
    do {
      std::string query = asked_.query;
      query += fmt::format("{}limit={}", query.empty() ? '?' : '&', std::min(left, kPage));
      if (!cursor.empty()) query += fmt::format("&cursor={}", http::percent_encode(cursor));
      auto reply = ask(std::move(query));
      if (!reply) return std::unexpected(reply.error());
      const json::Value answer(pages.emplace_back(std::move(reply->body)));
      const Rows page = rows_in(answer["data"]);
      rows.insert(rows.end(), page.begin(), page.end());
      left -= std::min(left, page.size());
      cursor = answer["next_cursor"].as_string().value_or("");
      if (shared_.csv) {
        // Line by line, so that a million rows need no more memory than a thousand.
        print(csv(std::exchange(rows, {}), std::exchange(first, false)));
        pages.clear();
      }
    } while (!cursor.empty() && left > 0);
    if (shared_.csv) return 0;
    if (shared_.json) {
      print(as_json(rows, cursor));
      return 0;
    }
    print(table(command_.columns, rows, terminal_width()));
    if (!cursor.empty())
      print(fmt::format("more: sluice {} --cursor {}\n", command_.words, cursor));
    return 0;
  }

  static std::string as_json(const Rows& rows, const std::string& cursor) {
    std::string out;
    json::Writer json(out);
    json.begin_object().key("data").begin_array();
    for (const json::Value& row : rows) json.raw(row.raw());
    json.end_array().key("next_cursor");
    if (cursor.empty()) {
      json.null();
    } else {
      json.string(cursor);
    }
    json.end_object();
    return out + '\n';
  }

  /// With what helps somebody at a shell.
  Error explained(Error error) const {
    if (error.code == ErrorCode::kPreconditionFailed && changes_a_version()) {
      error.message = fmt::format(
          "somebody else has changed it just now: see what is there, and repeat the command");
      return error;
    }
    if (const std::string option = line_.option_of(error.param); !option.empty()) {
      error.message += fmt::format(" ({})", option);
    } else if (!error.param.empty() && !error.message.contains(error.param)) {
      error.message = fmt::format("{}: {}", error.param, error.message);
    }
    if (error.code != ErrorCode::kIo || command_.method == "GET") return error;
    if (!asked_.idempotency_key.empty()) {
      error.message += fmt::format("; to try again without paying twice, add --idempotency-key {}",
                                   asked_.idempotency_key);
    } else if (const Command* list = sibling(command_, "list"); list != nullptr) {
      error.message += fmt::format("; sluice {} tells whether it was done", list->words);
    }
    return error;
  }

  const Command& command_;
  const CommandLine& line_;
  const Shared& shared_;
  Asked asked_;
  Reached reached_;
};

}  // namespace

int run(const Command& command, const CommandLine& line, const Shared& shared) {
  return Run(command, line, shared).all();
}

int run(const Asking& asking, const Shared& shared) {
  Reached reached;
  if (const int failed = reached.reach(shared, asking.needs_gateway); failed != 0) return failed;
  const auto reply = reached.client->ask(asking.question);
  if (!reply) return complain(reply.error(), kFailed);
  if (shared.json) {
    print(reply->body + '\n');
  } else {
    const json::Value answer(reply->body);
    print(asking.human != nullptr ? asking.human(answer) : details(answer, terminal_width()));
  }
  reached.say_where(shared);
  return 0;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace sluice::app
