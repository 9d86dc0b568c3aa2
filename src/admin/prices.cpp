// Prices: those in force, new versions, whose group a user is in, and what a draft would have
// cost.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "accounts/price.hpp"
#include "admin/price_lines.hpp"
#include "admin/usage.hpp"
#include "base/text.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

constexpr size_t kMaxModel = 255;  // bytes
constexpr size_t kMaxScope = 192;  // bytes
constexpr int kRowsAtOnce = 10'000;
constexpr size_t kMaxDraft = 200;
constexpr size_t kMostModels = 1000;

/// In force on every loop where a gateway runs, and in its log.
void tell(const Call& call, std::string_view what, std::string_view model, std::string_view scope) {
  const Running& running = call.service.running();
  if (!running.clients_changed) return;
  running.clients_changed();
  log::info(what, {{"model", model}, {"scope", scope}, {"by", call.request.who.actor()}});
}

Status check_scope(std::string_view scope) {
  if (scope.empty()) return {};
  for (const std::string_view kind : {"user:", "group:", "upstream:"}) {
    if (scope.starts_with(kind) && scope.size() > kind.size() && trim(scope) == scope) return {};
  }
  return fail(ErrorCode::kInvalidRequest,
              "scope must be user:NAME, group:NAME or upstream:PROVIDER, or absent for everybody",
              "scope");
}

/// From fields of a body.
Result<store::Rate> rate_in(const Fields& fields) {
  store::Rate rate;
  auto model = fields.required_text("model", kMaxModel);
  if (!model) return std::unexpected(model.error());
  rate.model = std::move(*model);
  auto scope = fields.text("scope", kMaxScope);
  if (!scope) return std::unexpected(scope.error());
  rate.scope = std::move(*scope);
  if (Status good = check_scope(rate.scope); !good) return std::unexpected(good.error());
  const std::pair<std::string_view, Money*> amounts[] = {{"input", &rate.input},
                                                         {"output", &rate.output},
                                                         {"cache_read", &rate.cache_read},
                                                         {"cache_write", &rate.cache_write}};
  for (const auto& [name, into] : amounts) {
    if (name.starts_with("cache") && !fields.has(name)) {
      *into = rate.input;
      continue;
    }
    const auto amount = fields.money(name);
    if (!amount) return std::unexpected(amount.error());
    if (*amount < Money{}) {
      return fail(ErrorCode::kInvalidRequest, fmt::format("{} must not be negative", name),
                  std::string(name));
    }
    *into = *amount;
  }
  return rate;
}

void write_version(json::Writer& json, const store::Rate& rate) {
  json.begin_object();
  write_rate(json, rate);
  json.member("created_by", rate.created_by)
      .member("configured", rate.created_by == store::Rate::kConfigured)
      .member("withdrawn", rate.withdrawn)
      .end_object();
}

Result<Answer> list_prices(const Call& call) {
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto before = call.query.number("cursor");
  if (!before) return std::unexpected(before.error());
  const auto model = call.query.text("model", kMaxModel);
  if (!model) return std::unexpected(model.error());
  const auto versions = call.query.text("versions");
  if (!versions) return std::unexpected(versions.error());
  if (!versions->empty() && *versions != "all" && *versions != "in_force") {
    return fail(ErrorCode::kInvalidRequest, "versions must be in_force or all", "versions");
  }
  store::Prices& prices = call.service.database().prices();
  std::vector<store::Rate> rates;
  bool more = false;
  if (*versions == "all") {
    auto found = prices.versions(*model, *before, *limit + 1);
    if (!found) return std::unexpected(found.error());
    rates = std::move(*found);
    more = rates.size() > static_cast<size_t>(*limit);
    if (more) rates.resize(static_cast<size_t>(*limit));
  } else {
    auto found = prices.in_force();
    if (!found) return std::unexpected(found.error());
    rates = std::move(*found);
    if (!model->empty()) {
      std::erase_if(rates, [&](const store::Rate& rate) { return rate.model != *model; });
    }
  }
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Rate& rate : rates) write_version(json, rate);
  json.end_array().key("next_cursor");
  if (more) {
    json.string(std::to_string(rates.back().id));
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

Result<Answer> set_price(const Call& call) {
  auto rate = rate_in(call.fields);
  if (!rate) return std::unexpected(rate.error());
  rate->created_by = call.request.who.actor();
  store::Prices& prices = call.service.database().prices();
  const auto rates = prices.in_force();
  if (!rates) return std::unexpected(rates.error());
  for (const store::Rate& each : *rates) {
    if (each.scope != rate->scope || each.model != rate->model) continue;
    json::Writer json(call.before);
    write_version(json, each);
  }
  const auto kept = prices.set(*rate);
  if (!kept) return std::unexpected(kept.error());
  tell(call, "a price was set", kept->model, kept->scope);
  Answer answer{.status = 201, .body = {}};
  json::Writer json(answer.body);
  write_version(json, *kept);
  return answer;
}

Result<Answer> delete_price(const Call& call) {
  const auto id = parse_u64(call.argument());
  if (!id || *id == 0 || *id > static_cast<uint64_t>(INT64_MAX)) {
    return fail(ErrorCode::kInvalidRequest, "a price's id is a positive whole number", "id");
  }
  store::Prices& prices = call.service.database().prices();
  const auto rates = prices.in_force();
  if (!rates) return std::unexpected(rates.error());
  const auto rate = std::ranges::find(*rates, static_cast<int64_t>(*id), &store::Rate::id);
  if (rate == rates->end()) {
    return fail(ErrorCode::kNotFound, "there is no price with this id in force");
  }
  {
    json::Writer json(call.before);
    write_version(json, *rate);
  }
  if (Status done = prices.withdraw(rate->scope, rate->model, call.request.who.actor()); !done) {
    return std::unexpected(done.error());
  }
  tell(call, "a price was withdrawn", rate->model, rate->scope);
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("id", rate->id)
      .member("model", rate->model)
      .member("scope", rate->scope)
      .member("deleted", true)
      .end_object();
  return answer;
}

/// For the audit log: the group that the user is of now.
void note_group(const Call& call, const std::string& user) {
  const auto wallet = call.service.database().wallet(user);
  const auto groups = call.service.database().prices().groups();
  if (!wallet || !groups) return;
  std::string_view group;
  for (const auto& [id, name] : *groups) {
    if (id == wallet->user_id) group = name;
  }
  json::Writer(call.before).begin_object().member("user", user).member("group", group).end_object();
}

Result<Answer> set_group(const Call& call) {
  const auto user = call.fields.required_text("user", kMaxName);
  if (!user) return std::unexpected(user.error());
  const auto group = call.fields.text("group", kMaxName);
  if (!group) return std::unexpected(group.error());
  note_group(call, *user);
  if (Status done = call.service.database().prices().set_group(*user, *group); !done) {
    return std::unexpected(done.error());
  }
  tell(call, "a user's price group was set", *user, *group);
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("user", *user)
      .member("group", *group)
      .end_object();
  return answer;
}

constexpr Field kDraftFields[] = {
    {"model", FieldKind::kText, "", true},  {"scope", FieldKind::kText, ""},
    {"input", FieldKind::kMoney, "", true}, {"output", FieldKind::kMoney, "", true},
    {"cache_read", FieldKind::kMoney, ""},  {"cache_write", FieldKind::kMoney, ""},
};

/// The prices in force, and those of the draft in their place.
Result<accounts::PriceList> prices_with_draft(const Call& call) {
  store::Database& database = call.service.database();
  const auto rates = database.prices().in_force();
  if (!rates) return std::unexpected(rates.error());
  const auto groups = database.prices().groups();
  if (!groups) return std::unexpected(groups.error());
  const auto wallets = database.wallets();
  if (!wallets) return std::unexpected(wallets.error());
  accounts::PriceList list;
  const auto add = [&](const store::Rate& rate) {
    list.set(rate.scope, rate.model,
             {.id = rate.id,
              .input = rate.input,
              .output = rate.output,
              .cache_read = rate.cache_read,
              .cache_write = rate.cache_write});
  };
  for (const store::Rate& rate : *rates) add(rate);
  json::Elements drafts(json::Value(call.fields.raw("prices")));
  json::Value each;
  size_t count = 0;
  while (drafts.next(each)) {
    if (++count > kMaxDraft) {
      return fail(ErrorCode::kInvalidRequest, "prices may have at most 200", "prices");
    }
    auto fields = Fields::parse(each.raw(), kDraftFields);
    if (!fields) return std::unexpected(fields.error());
    const auto rate = rate_in(*fields);
    if (!rate) return std::unexpected(rate.error());
    add(*rate);
  }
  if (count == 0) {
    return fail(ErrorCode::kInvalidRequest, "prices must be a list of prices", "prices");
  }
  std::map<int64_t, std::string> group_of(groups->begin(), groups->end());
  for (const store::Wallet& wallet : *wallets) {
    list.add_user(wallet.user_id, wallet.user, group_of[wallet.user_id]);
  }
  return list;
}

/// Unix ms of a time in the body.
Result<int64_t> time_in(const Fields& fields, std::string_view name, int64_t otherwise) {
  const auto seconds = fields.time(name);
  if (!seconds) return std::unexpected(seconds.error());
  return *seconds ? **seconds * 1000 : otherwise;
}

struct Comparison {
  int64_t requests = 0;
  Money charged;
  Money draft;

  bool add(Money was, Money would_be) {
    ++requests;
    return !__builtin_add_overflow(charged.nanos, was.nanos, &charged.nanos) &&
           !__builtin_add_overflow(draft.nanos, would_be.nanos, &draft.nanos);
  }
  void write(json::Writer& json) const {
    json.member("requests", requests)
        .member("charged", to_string(charged))
        .member("draft", to_string(draft))
        .member("difference", to_string(checked_subtract(draft, charged).value_or(Money{})));
  }
};

Result<Answer> preview(const Call& call) {
  const auto list = prices_with_draft(call);
  if (!list) return std::unexpected(list.error());
  const int64_t now = wall_nanos() / 1'000'000;
  const auto from = time_in(call.fields, "from", now - 7 * int64_t{86'400'000});
  if (!from) return std::unexpected(from.error());
  const auto to = time_in(call.fields, "to", INT64_MAX);
  if (!to) return std::unexpected(to.error());
  std::map<std::string, Comparison> models;
  Comparison total;
  store::Prices& prices = call.service.database().prices();
  // Rows of a time lie together in the order in which they came.
  const auto seqs = prices.seqs_of(*from, *to);
  if (!seqs) return std::unexpected(seqs.error());
  auto [first, last] = *seqs;
  for (bool more = last > 0; more;) {
    const auto rows = prices.used(first, last, *from, *to, kRowsAtOnce);
    if (!rows) return std::unexpected(rows.error());
    more = rows->size() == static_cast<size_t>(kRowsAtOnce);
    for (const store::Prices::Used& row : *rows) {
      first = row.seq + 1;
      const accounts::Price* price = list->find(row.user_id, row.model, row.upstream_model);
      const auto cost =
          accounts::cost_of(price != nullptr ? *price : accounts::Price{}, row.counts);
      const bool known = models.contains(row.model) || models.size() < kMostModels;
      Comparison& model = models[known ? row.model : "*"];
      if (!cost || !model.add(row.cost, *cost) || !total.add(row.cost, *cost)) {
        return fail(ErrorCode::kInvalidRequest, "the sum does not fit into 64 bits", "prices");
      }
    }
  }
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const auto& [name, model] : models) {
    json.begin_object().member("model", name);
    model.write(json);
    json.end_object();
  }
  json.end_array().key("total").begin_object();
  total.write(json);
  json.end_object().end_object();
  return answer;
}

constexpr Field kList[] = {
    {"model", FieldKind::kText, "Only of this model."},
    {"versions", FieldKind::kText, "in_force, or all that there have been, newest first."},
    {"limit", FieldKind::kCount, "Rows of a page of all versions: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

constexpr Field kRateFields[] = {
    {"model", FieldKind::kText, "As clients ask for it, or as its provider calls it; * is any.",
     true},
    {"scope", FieldKind::kText,
     "Whom it is for: user:NAME, group:NAME, or upstream:PROVIDER, which is what that charges; "
     "absent: everybody."},
    {"input", FieldKind::kMoney, "USD for 1M input tokens.", true},
    {"output", FieldKind::kMoney, "USD for 1M output tokens.", true},
    {"cache_read", FieldKind::kMoney, "USD for 1M tokens read from a cache; absent: as input."},
    {"cache_write", FieldKind::kMoney, "USD for 1M tokens written to one; absent: as input."},
};

constexpr Field kGroup[] = {
    {"user", FieldKind::kText, "Name of a user.", true},
    {"group", FieldKind::kText, "Whose prices he gets; absent: none's."},
};

constexpr Field kPreview[] = {
    {"prices", FieldKind::kObject, "A list of prices as for a new version.", true},
    {"from", FieldKind::kTime, "Inclusive; a week ago when absent."},
    {"to", FieldKind::kTime, "Exclusive; now when absent."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/models",
     .handle = list_prices,
     .summary = "Prices of models.",
     .query = kList},
    {.method = "POST",
     .pattern = "/api/admin/models",
     .handle = set_price,
     .summary = "Sets a price: a new version, in force for requests from now on.",
     .body = kRateFields},
    {.method = "DELETE",
     .pattern = "/api/admin/models/{id}",
     .handle = delete_price,
     .summary = "Withdraws a price that is in force; what it was stays known."},
    {.method = "POST",
     .pattern = "/api/admin/models/preview",
     .handle = preview,
     .summary = "What past usage would have cost at other prices.",
     .body = kPreview,
     .takes_long = true,
     .audited = false},
    {.method = "POST",
     .pattern = "/api/admin/price-groups",
     .handle = set_group,
     .summary = "Puts a user into a group whose prices he gets.",
     .body = kGroup},
};

}  // namespace

std::span<const Route> price_routes() { return kRoutes; }

}  // namespace sluice::admin
