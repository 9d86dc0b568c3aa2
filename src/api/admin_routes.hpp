// The management API: on the main port for who may call which of its routes, on the gateway's Unix
// socket for whoever may open that.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/service.hpp"
#include "api/service.hpp"
#include "net/blocking_pool.hpp"
#include "net/http_call.hpp"
#include "relay/context.hpp"

namespace sluice::api {

/// Owned by the process, outlives every loop. The threads are its own, so that a long report
/// delays no name resolution, nor a provider that does not answer a report. What `service` refers
/// to must outlive this: its destructor finishes what is queued.
struct Administration {
  admin::Service& service;
  net::BlockingPool pool{2};
  net::BlockingPool asking{4, 8};  // for what waits for somebody outside
};

/// Who asks, by what the request carries: the admin token, a login, or that it comes from this
/// machine where no token is set. kUnauthenticated where a login is not good.
Result<admin::Principal> principal_of(Service& service, const relay::Snapshot& snapshot,
                                      const net::HttpCall& call);

/// Why nobody but `who` may not administrate; nullopt for administrators.
std::optional<Error> refuse_unless_administrator(const admin::Principal& who,
                                                 const relay::Snapshot& snapshot,
                                                 const net::HttpCall& call);

/// Why a caller may not administrate; nullopt for administrators (is_admin). Without a token web
/// pages that run on this machine are refused, too.
std::optional<Error> refuse_admin(const relay::Snapshot& snapshot, const net::HttpCall& call);

/// Notes for the audit log what a loop has changed by itself. `after` is JSON. Does not wait; where
/// the database is slower than what is to be noted, the log says what is missing.
void note_change(Service& service, const admin::Principal& who, std::string action,
                 std::string_view subject, std::string_view after);

/// A page in somebody's browser on this machine is on this machine, too. It gives itself away by
/// its Origin, or by the name that it has made point here.
bool could_be_a_web_page(const http::Fields& fields);

/// What lies below /api and is not answered by loops alone; 404 for what needs a database where the
/// gateway has none.
net::Task<void> handle_management(Service& service, relay::LoopContext& context,
                                  net::HttpCall& call);

/// For the Unix socket: the administration alone, without a credential.
class AdminSocketHandler final : public net::HttpHandler {
 public:
  AdminSocketHandler(Service& service, relay::LoopContext& context)
      : service_(service), context_(context) {}
  net::Task<void> handle(net::HttpCall& call) override;
  std::string render_refusal(int status, std::string_view reason) override;

 private:
  Service& service_;
  relay::LoopContext& context_;
};

}  // namespace sluice::api
