#include "admin/wallet_view.hpp"

#include <algorithm>

#include "base/calendar.hpp"
#include "base/clock.hpp"

namespace sluice::admin {

void write_figures(json::Writer& json, const Running& running, const store::Wallet& wallet) {
  Money available = wallet.balance;
  if (running.registry != nullptr) {
    if (const quota::Wallet* live = running.registry->find_wallet(wallet.id)) {
      // A top-up between the two readings shows as available and not yet in the balance.
      available.nanos = std::min(live->balance.available(), wallet.balance.nanos);
    }
  }
  const Money held = checked_subtract(wallet.balance, available).value_or(Money{});
  json.member("balance", to_string(wallet.balance))
      .member("held", to_string(held))
      .member("available", to_string(available));
}

void write_spent(json::Writer& json, const store::Spent& spent) {
  const int64_t today = day_of(wall_nanos() / 1'000'000);
  const auto now = [](bool same, Money money) { return to_string(same ? money : Money{}); };
  json.key("spent")
      .begin_object()
      .member("day", now(spent.on == today, spent.day))
      .member("week", now(week_of(spent.on) == week_of(today), spent.week))
      .member("month", now(month_of(spent.on) == month_of(today), spent.month))
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

Result<Answer> answer_transactions(const Call& call, int64_t wallet_id) {
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto before = call.query.number("cursor");
  if (!before) return std::unexpected(before.error());
  // One more than asked for tells whether there are more.
  auto entries = call.service.database().transactions(wallet_id, *before, *limit + 1);
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

Answer answer_verdict(const std::vector<store::Database::Difference>& differences) {
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().member("equal", differences.empty()).key("differences").begin_array();
  for (const auto& each : differences) {
    json.begin_object()
        .member("what", each.what)
        .member("kept", each.kept)
        .member("recomputed", each.recomputed)
        .end_object();
  }
  json.end_array().end_object();
  return answer;
}

quota::Wallet* live_wallet(Service& service, const store::Wallet& wallet) {
  quota::Registry* registry = service.running().registry;
  return registry != nullptr ? &registry->wallet(wallet) : nullptr;
}

void credit(Service& service, quota::Wallet* live, const store::Transaction& entry) {
  if (live == nullptr) return;
  store::Changes* const changes = service.database().changes();
  if (changes == nullptr) return live->balance.add(entry.amount.nanos);
  quota::Registry& registry = *service.running().registry;
  // What cannot be looked at now is heard of like what others have posted.
  (void)changes->look({&entry.wallet_id, 1}, {}, {},
                      [&](const store::Figures& figures) { registry.observe(figures); });
}

}  // namespace sluice::admin
