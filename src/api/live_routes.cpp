#include "api/live_routes.hpp"

#include <algorithm>
#include <memory>

#include "api/admin_routes.hpp"
#include "api/answer.hpp"
#include "base/money.hpp"
#include "http/url.hpp"
#include "json/writer.hpp"

namespace sluice::api {

namespace {

constexpr auto kPatience = std::chrono::seconds(15);

/// What all loops have said so far. Only the asking loop touches it.
struct Tally {
  net::Event done;
  size_t loops_left = 0;
  size_t found = 0;
  size_t told = 0;
  observe::LiveEnded sum;

  void check() {
    if (loops_left == 0 && told == found) done.set();
  }
};

/// Asks every loop for the requests of this id; of a user for what is his.
std::shared_ptr<Tally> end_everywhere(const Service& service, net::Loop& home, std::string id,
                                      std::optional<int64_t> user) {
  auto tally = std::make_shared<Tally>();
  tally->loops_left = service.loops.size();
  const auto told = [&home, tally](const observe::LiveEnded& ended) {
    home.post([tally, ended] {
      observe::LiveEnded& sum = tally->sum;
      sum.closed_after = std::max(sum.closed_after, ended.closed_after);
      sum.charged += ended.charged;
      sum.returned += ended.returned;
      ++tally->told;
      tally->check();
    });
  };
  for (const LoopRequests& each : service.loops) {
    each.loop->post([&home, live = each.live, id, told, tally, user] {
      const size_t found = live->end(id, told, user);
      home.post([tally, found] {
        tally->found += found;
        --tally->loops_left;
        tally->check();
      });
    });
  }
  return tally;
}

std::string render(const Tally& tally) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("requests", tally.found);
  if (tally.told == tally.found) {
    const auto closed =
        std::chrono::duration_cast<std::chrono::microseconds>(tally.sum.closed_after).count();
    json.member("closed_after_us", closed)
        .member("charged", to_string(Money{tally.sum.charged}))
        .member("returned", to_string(Money{tally.sum.returned}));
  } else {
    // They are ended, and their settlement waits for the ledger.
    json.null_member("closed_after_us").null_member("charged").null_member("returned");
  }
  json.end_object();
  return body;
}

}  // namespace

Result<std::optional<int64_t>> viewer_of(Service& service, const relay::Snapshot& snapshot,
                                         const net::HttpCall& call) {
  // The gateway's own user or root, whom alone its socket lets in.
  if (call.peer().starts_with("unix:")) return std::nullopt;
  const auto who = principal_of(service, snapshot, call);
  if (!who) return std::unexpected(who.error());
  if (who->administrator) return std::nullopt;
  if (who->kind == admin::Principal::Kind::kUser) return who->user_id;
  return std::unexpected(*refuse_unless_administrator(*who, snapshot, call));
}

net::Task<void> handle_end_live(Service& service, relay::LoopContext& context,
                                net::HttpCall& call) {
  const auto viewer = viewer_of(service, *context.snapshot, call);
  if (!viewer) co_return co_await answer_error(call, viewer.error());
  std::string_view rest = call.head().path().substr(std::string_view("/api/live/").size());
  const bool by_post = rest.ends_with("/cancel");
  if (by_post) rest.remove_suffix(std::string_view("/cancel").size());
  const auto id = http::percent_decode(rest);
  if (!id || id->empty() || rest.contains('/')) {
    co_return co_await answer_error(
        call,
        Error{.code = ErrorCode::kNotFound, .message = "there is no such route", .param = {}});
  }
  if (call.head().method != (by_post ? "POST" : "DELETE")) {
    co_return co_await answer_wrong_method(call, by_post ? "POST" : "DELETE");
  }
  const std::shared_ptr<Tally> tally = end_everywhere(service, call.loop(), *id, *viewer);
  call.scope().set_deadline(call.loop().now() + kPatience);
  const net::Outcome outcome = co_await tally->done.wait(call.scope());
  if (outcome == net::Outcome::kCancelled) co_return;
  if (tally->found == 0) {
    co_return co_await answer_error(call, Error{.code = ErrorCode::kNotFound,
                                                .message = "no request of this id is running",
                                                .param = {}});
  }
  co_await answer_json(call, outcome == net::Outcome::kReady ? 200 : 202, render(*tally));
}

}  // namespace sluice::api
