// The caller's own wallet.
#include "admin/identity.hpp"
#include "admin/routes.hpp"
#include "admin/wallet_view.hpp"
#include "base/clock.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

Result<store::Wallet> own_wallet(const Call& call) {
  return call.service.database().wallet_of(call.request.who.user_id);
}

Result<Answer> show(const Call& call) {
  const auto wallet = own_wallet(call);
  if (!wallet) return std::unexpected(wallet.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object();
  write_figures(json, call.service.running(), *wallet);
  json.end_object();
  return answer;
}

Result<Answer> list_transactions(const Call& call) {
  const auto wallet = own_wallet(call);
  if (!wallet) return std::unexpected(wallet.error());
  return answer_transactions(call, wallet->id);
}

Result<Answer> verify(const Call& call) {
  const auto wallet = own_wallet(call);
  if (!wallet) return std::unexpected(wallet.error());
  const auto differences = call.service.database().verify_wallet(wallet->id);
  if (!differences) return std::unexpected(differences.error());
  return answer_verdict(*differences);
}

/// How long who guesses has to wait; nullopt: he may try.
std::optional<Duration> guess(Redeeming& redeeming, const Principal& who) {
  const TimePoint at = now();
  if (const auto wait = redeeming.addresses.enter(who.address, at)) return wait;
  return redeeming.users.enter(std::to_string(who.user_id), at);
}

Result<Answer> redeem(const Call& call) {
  const auto code = call.fields.required_text("code", kMaxName);
  if (!code) return std::unexpected(code.error());
  Service& service = call.service;
  const Principal& who = call.request.who;
  if (const auto wait = guess(service.redeeming(), who)) {
    Answer answer;
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*wait).count();
    answer.headers.emplace_back("retry-after", std::to_string(seconds));
    answer.refused = Error{.code = ErrorCode::kRateLimitExceeded,
                           .message = "Too many codes were tried: wait a little.",
                           .param = "code"};
    return answer;
  }
  auto wallet = own_wallet(call);
  if (!wallet) return std::unexpected(wallet.error());
  {
    json::Writer json(call.before);
    json.begin_object();
    write_figures(json, service.running(), *wallet);
    json.end_object();
  }
  quota::Wallet* live = live_wallet(service, *wallet);
  const auto entry = service.database().codes().redeem(service.identity().digest_of(*code),
                                                       who.user_id, who.actor());
  if (!entry) {
    log::warn("a code was not redeemed",
              {{"user", who.name}, {"client", who.address}, {"why", entry.error().message}});
    return std::unexpected(entry.error());
  }
  credit(service, live, *entry);
  service.redeeming().users.forgive(std::to_string(who.user_id));
  service.redeeming().addresses.forgive(who.address);
  // What it says has been done, whether or not the balance can be read once more.
  wallet->balance = entry->balance_after;
  Answer answer{.status = 201, .body = {}};
  json::Writer json(answer.body);
  json.begin_object().key("entry");
  write_transaction(json, *entry);
  json.key("wallet").begin_object();
  write_figures(json, service.running(), *wallet);
  json.end_object().end_object();
  return answer;
}

constexpr Field kRedeem[] = {{"code", FieldKind::kText, "As it was given to you.", true}};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/wallet",
     .access = Access::kUser,
     .handle = show,
     .summary = "What one has, what of it running requests hold, and what is left.",
     .logins = true},
    {.method = "GET",
     .pattern = "/api/wallet/transactions",
     .access = Access::kUser,
     .handle = list_transactions,
     .summary = "Entries of one's wallet, newest first.",
     .query = kTransactionPage,
     .logins = true},
    {.method = "POST",
     .pattern = "/api/wallet/verify",
     .access = Access::kUser,
     .handle = verify,
     .summary = "Recomputes one's balance from its entries.",
     .logins = true,
     .takes_long = true,
     .audited = false},
    {.method = "POST",
     .pattern = "/api/wallet/redeem",
     .access = Access::kUser,
     .handle = redeem,
     .summary = "Pays a code's amount into one's wallet. A code is good for one time.",
     .body = kRedeem,
     .logins = true},
};

}  // namespace

std::span<const Route> own_wallet_routes() { return kRoutes; }

}  // namespace sluice::admin
