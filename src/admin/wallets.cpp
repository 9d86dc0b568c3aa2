#include <fmt/format.h>

#include <algorithm>

#include "admin/input.hpp"
#include "admin/routes.hpp"
#include "base/clock.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

/// What a wallet says. `held` is what leases hold now, or what they have spent and the ledger has
/// not written yet.
void write_wallet(json::Writer& json, const Running& running, const store::Wallet& wallet) {
  Money available = wallet.balance;
  if (running.registry != nullptr) {
    if (const quota::Wallet* live = running.registry->find_wallet(wallet.id)) {
      // A top-up between the two readings shows as available and not yet in the balance.
      available.nanos = std::min(live->balance.available(), wallet.balance.nanos);
    }
  }
  const Money held = checked_subtract(wallet.balance, available).value_or(Money{});
  json.begin_object()
      .member("user", wallet.user)
      .member("balance", to_string(wallet.balance))
      .member("held", to_string(held))
      .member("available", to_string(available))
      .end_object();
}

void write_transaction(json::Writer& json, const store::Transaction& entry) {
  json.begin_object()
      .member("id", entry.id)
      .member("kind", entry.kind)
      .member("amount", to_string(entry.amount))
      .member("balance_after", to_string(entry.balance_after))
      .member("reference", entry.reference)
      .member("actor", entry.actor)
      .member("reason", entry.reason)
      .member("at", rfc3339(entry.at * 1'000'000))
      .end_object();
}

Result<store::Wallet> wallet_of(const Call& call) {
  if (Status good = check_text(call.argument(), "user", kMaxName); !good) {
    return std::unexpected(good.error());
  }
  return call.service.database().wallet(call.argument());
}

enum class Kind : uint8_t { kTopUp, kAdjustment };

/// The wallet to post to. Paying in makes a wallet; correcting one that is not there is a slip.
Result<store::Wallet> wallet_for(const Call& call, Kind kind, std::string_view key, bool& made) {
  auto wallet = wallet_of(call);
  made = !wallet && kind == Kind::kTopUp && wallet.error().code == ErrorCode::kNotFound;
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
  // Known to the gateway before the entry is there: whatever reads the new balance later finds
  // this wallet and leaves its figure alone, so the entry counts once.
  quota::Wallet* live = nullptr;
  if (quota::Registry* registry = call.service.running().registry) {
    live = &registry->wallet(*wallet);
  }
  const auto posted =
      call.service.database().post(wallet->user, kind == Kind::kTopUp ? "top_up" : "adjust",
                                   *amount, *reason, *key, call.request.who.actor());
  if (!posted) return std::unexpected(posted.error());
  if (live != nullptr && !posted->repeated) live->balance.add(amount->nanos);
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
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto before = call.query.number("cursor");
  if (!before) return std::unexpected(before.error());
  const auto wallet = wallet_of(call);
  if (!wallet) return std::unexpected(wallet.error());
  // One more than asked for tells whether there are more.
  auto entries = call.service.database().transactions(wallet->id, *before, *limit + 1);
  if (!entries) return std::unexpected(entries.error());
  const bool more = entries->size() > static_cast<size_t>(*limit);
  if (more) entries->resize(static_cast<size_t>(*limit));
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Transaction& entry : *entries) write_transaction(json, entry);
  json.end_array().key("next_cursor");
  if (more) {
    json.string(std::to_string(entries->back().id));
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

Result<Answer> top_up(const Call& call) { return post(call, Kind::kTopUp); }

Result<Answer> adjust(const Call& call) { return post(call, Kind::kAdjustment); }

Result<Answer> verify(const Call& call) {
  const auto differences = call.service.database().verify();
  if (!differences) return std::unexpected(differences.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().member("equal", differences->empty()).key("differences").begin_array();
  for (const auto& each : *differences) {
    json.begin_object()
        .member("what", each.what)
        .member("kept", each.kept)
        .member("recomputed", each.recomputed)
        .end_object();
  }
  json.end_array().end_object();
  return answer;
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

constexpr Field kPage[] = {
    {"limit", FieldKind::kCount, "Entries of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/wallets",
     .handle = list_wallets,
     .summary = "All wallets."},
    {.method = "POST",
     .pattern = "/api/admin/wallets/verify",
     .handle = verify,
     .summary = "Recomputes every balance from its entries.",
     .takes_long = true},
    {.method = "GET",
     .pattern = "/api/admin/users/{user}/wallet",
     .handle = show_wallet,
     .summary = "A user's wallet."},
    {.method = "GET",
     .pattern = "/api/admin/users/{user}/wallet/transactions",
     .handle = list_transactions,
     .summary = "A wallet's entries, newest first.",
     .query = kPage},
    {.method = "POST",
     .pattern = "/api/admin/users/{user}/wallet/top-up",
     .handle = top_up,
     .summary = "Pays into a user's wallet.",
     .body = kTopUp},
    {.method = "POST",
     .pattern = "/api/admin/users/{user}/wallet/adjust",
     .handle = adjust,
     .summary = "Corrects a user's wallet.",
     .body = kAdjust},
};

}  // namespace

std::span<const Route> wallet_routes() { return kRoutes; }

}  // namespace sluice::admin
