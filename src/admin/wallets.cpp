// Wallets, by administrators.
#include "admin/input.hpp"
#include "admin/routes.hpp"
#include "admin/wallet_view.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

void write_wallet(json::Writer& json, const Running& running, const store::Wallet& wallet) {
  json.begin_object().member("user", wallet.user);
  write_figures(json, running, wallet);
  json.end_object();
}

/// Of a user or a team: by id where the segment is a number, else by name.
Result<store::Wallet> wallet_of(const Call& call) {
  if (Status good = check_text(call.argument(), "user", kMaxName); !good) {
    return std::unexpected(good.error());
  }
  store::Database& database = call.service.database();
  if (const auto id = parse_u64(call.argument())) {
    auto wallet = database.wallet_of(static_cast<int64_t>(*id));
    if (wallet || wallet.error().code != ErrorCode::kNotFound) return wallet;
  }
  return database.wallet(call.argument());
}

enum class Kind : uint8_t { kTopUp, kAdjustment };

/// The wallet to post to. Paying in makes a wallet; correcting one that is not there is a slip.
Result<store::Wallet> wallet_for(const Call& call, Kind kind, std::string_view key, bool& made) {
  auto wallet = wallet_of(call);
  // A number is meant to be an id, and nobody is made who is called that.
  made = !wallet && kind == Kind::kTopUp && wallet.error().code == ErrorCode::kNotFound &&
         !parse_u64(call.argument());
  if (!made) return wallet;
  return call.service.database().ensure_wallet_for(call.argument(), key);
}

Result<Answer> post(const Call& call, Kind kind) {
  const Fields& fields = call.fields;
  const auto amount = fields.money("amount");
  if (!amount) return std::unexpected(amount.error());
  if (kind == Kind::kTopUp ? amount->nanos <= 0 : amount->is_zero()) {
    return fail(ErrorCode::kInvalidRequest,
                kind == Kind::kTopUp ? "amount must be above 0; to take away, adjust the wallet"
                                     : "amount must not be 0",
                "amount");
  }
  const auto reason = kind == Kind::kAdjustment ? fields.required_text("reason", kMaxReason)
                                                : fields.text("reason", kMaxReason);
  if (!reason) return std::unexpected(reason.error());
  const auto key = fields.required_text("idempotency_key", kMaxName);
  if (!key) return std::unexpected(key.error());

  bool made = false;
  auto wallet = wallet_for(call, kind, *key, made);
  if (!wallet) return std::unexpected(wallet.error());
  {
    json::Writer json(call.before);
    write_wallet(json, call.service.running(), *wallet);
  }
  quota::Wallet* live = live_wallet(call.service, *wallet);
  const auto posted =
      call.service.database().post(wallet->user, kind == Kind::kTopUp ? "top_up" : "adjust",
                                   *amount, *reason, *key, call.request.who.actor());
  if (!posted) return std::unexpected(posted.error());
  if (!posted->repeated) credit(call.service, live, posted->entry);
  if (const auto now = call.service.database().wallet(wallet->user)) wallet = now;

  Answer answer{.status = posted->repeated ? 200 : 201, .body = {}};
  json::Writer json(answer.body);
  json.begin_object().key("entry");
  write_transaction(json, posted->entry);
  json.member("repeated", posted->repeated).member("new_user", made).key("wallet");
  write_wallet(json, call.service.running(), *wallet);
  json.end_object();
  return answer;
}

Result<Answer> list_wallets(const Call& call) {
  const auto wallets = call.service.database().wallets();
  if (!wallets) return std::unexpected(wallets.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Wallet& wallet : *wallets) write_wallet(json, call.service.running(), wallet);
  json.end_array().null_member("next_cursor").end_object();
  return answer;
}

Result<Answer> show_wallet(const Call& call) {
  const auto wallet = wallet_of(call);
  if (!wallet) return std::unexpected(wallet.error());
  Answer answer;
  json::Writer json(answer.body);
  write_wallet(json, call.service.running(), *wallet);
  return answer;
}

Result<Answer> list_transactions(const Call& call) {
  const auto wallet = wallet_of(call);
  if (!wallet) return std::unexpected(wallet.error());
  return answer_transactions(call, wallet->id);
}

Result<Answer> top_up(const Call& call) { return post(call, Kind::kTopUp); }

Result<Answer> adjust(const Call& call) { return post(call, Kind::kAdjustment); }

Result<Answer> verify(const Call& call) {
  const auto differences = call.service.database().verify();
  if (!differences) return std::unexpected(differences.error());
  return answer_verdict(*differences);
}

constexpr Field kTopUp[] = {
    {"amount", FieldKind::kMoney, "USD, above 0.", true},
    {"reason", FieldKind::kText, "For the history."},
    {"idempotency_key", FieldKind::kText, "The same again changes nothing.", true},
};

constexpr Field kAdjust[] = {
    {"amount", FieldKind::kMoney, "USD, above or below 0.", true},
    {"reason", FieldKind::kText, "For the history.", true},
    {"idempotency_key", FieldKind::kText, "The same again changes nothing.", true},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/wallets",
     .handle = list_wallets,
     .summary = "All wallets.",
     .short_list = true},
    {.method = "POST",
     .pattern = "/api/admin/wallets/verify",
     .handle = verify,
     .summary = "Recomputes every balance from its entries.",
     .takes_long = true,
     .audited = false},
    {.method = "GET",
     .pattern = "/api/admin/users/{user}/wallet",
     .handle = show_wallet,
     .summary = "A user's or a team's wallet, by id or name."},
    {.method = "GET",
     .pattern = "/api/admin/users/{user}/wallet/transactions",
     .handle = list_transactions,
     .summary = "A wallet's entries, newest first.",
     .query = kTransactionPage},
    {.method = "POST",
     .pattern = "/api/admin/users/{user}/wallet/top-up",
     .handle = top_up,
     .summary = "Pays into a user's or a team's wallet; a user who is not there is made.",
     .body = kTopUp},
    {.method = "POST",
     .pattern = "/api/admin/users/{user}/wallet/adjust",
     .handle = adjust,
     .summary = "Corrects a user's or a team's wallet.",
     .body = kAdjust},
};

}  // namespace

std::span<const Route> wallet_routes() { return kRoutes; }

}  // namespace sluice::admin
