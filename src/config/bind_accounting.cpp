#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "config/bind.hpp"
#include "config/fields.hpp"
#include "http/database_url.hpp"

namespace sluice::config {

namespace {

/// The rule of the administration's routes for the same name; bytes that are no text, and control
/// characters, were refused before.
bool is_user_name(std::string_view text) {
  constexpr size_t kMostBytes = 128;
  return text.size() <= kMostBytes && trim(text) == text;
}

class AccountingBinder {
 public:
  AccountingBinder(const Node& root, Problems& problems) : root_(root), problems_(problems) {}

  void bind(Config& config) {
    bind_database(config);
    if (text(root_, "ledger.durability") == "power") {
      config.ledger.durability = LedgerDurability::kPower;
    }
    config.billing.refuse_unpriced = text(root_, "billing.unpriced") == "refuse";
    config.billing.default_price =
        bind_price(at(root_, "billing.default_price"), "billing.default_price");
    config.usage.retention = duration(root_, "usage.retention");
    const Node& limiter = at(root_, "limiter");
    config.limiter = {.enabled = flag(limiter, "enabled"),
                      .requests_per_minute = get<int64_t>(limiter, "requests_per_minute"),
                      .burst = get<int64_t>(limiter, "burst"),
                      .default_rate = get<double>(limiter, "default_rate"),
                      .max_rate = get<double>(limiter, "max_rate")};
    bind_models(config);
  }

 private:
  void error(const Node& node, std::string what) {
    if (!node.bad) problems_.error(node.place, std::move(what));
  }

  /// Messages do not show the address: it may hold a password.
  void bind_database(Config& config) {
    constexpr std::string_view kScheme = "sqlite:";
    const Node& node = at(root_, "database.url");
    std::string url = text(root_, "database.url");
    const std::string_view given = url;
    config.database_pool = integer(root_, "database.pool");
    config.secret_key =
        bind_secret(at(root_, "database.secret_key"), "database.secret_key", problems_);
    config.ledger.spool = in_data_dir(text(root_, "ledger.spool"), config);
    if (http::is_database_server(given)) {
      const auto server = http::parse_database_url(given);
      if (!server) error(node, "database.url " + server.error().message);
    } else if (!given.starts_with(kScheme) || given.size() == kScheme.size()) {
      error(node,
            "database.url must be sqlite:PATH, postgresql://USER:PASSWORD@HOST:PORT/NAME or "
            "mysql://USER:PASSWORD@HOST:PORT/NAME");
    } else if (given.contains('?') || given.substr(kScheme.size()) == ":memory:") {
      error(node, "database.url must name a file, without parameters");
    } else {
      url = in_data_dir(std::move(url), config);
    }
    config.database_url = Secret(std::move(url));
  }

  static std::string in_data_dir(std::string text, const Config& config) {
    constexpr std::string_view kFolder = "{data_dir}";
    for (size_t place = 0; (place = text.find(kFolder, place)) != std::string::npos;) {
      text.replace(place, kFolder.size(), config.data_dir);
      place += config.data_dir.size();
    }
    return text;
  }

  void bind_models(Config& config) {
    for (const Node& node : at(root_, "models").items) {
      Model model;
      model.name = text(node, "name");
      if (std::ranges::find(config.models, model.name, &Model::name) != config.models.end()) {
        error(at(node, "name"), fmt::format("there are two models named \"{}\"", model.name));
      }
      model.price = bind_price(node, fmt::format("models.{}", config.models.size()));
      model.context = get<int64_t>(node, "context");
      model.max_output = get<int64_t>(node, "max_output");
      for (const Node::Entry& entry : at(node, "capabilities").entries) {
        const auto* value = std::get_if<std::string>(&entry.node.value);
        if (value != nullptr) model.capabilities.emplace_back(entry.key, *value);
      }
      config.models.push_back(std::move(model));
    }
  }

  static bool given(const Node& model, std::string_view option) {
    return !at(model, option).is_null();
  }

  static Money amount(const Node& model, std::string_view option) {
    return {get<int64_t>(model, option)};
  }

  /// A price that lacks one of its two halves would give the other away.
  std::optional<ModelPrice> bind_price(const Node& model, const std::string& path) {
    const bool input = given(model, "input");
    const bool output = given(model, "output");
    if (input != output) {
      error(at(model, input ? "input" : "output"),
            fmt::format("{0} has {1} and no {2}: a price needs both, and 0 is one", path,
                        input ? "input" : "output", input ? "output" : "input"));
    }
    for (const std::string_view cache : {"cache_read", "cache_write"}) {
      if (input || !given(model, cache)) continue;
      error(at(model, cache), fmt::format("{} has {} and no input", path, cache));
    }
    if (!input || !output) return std::nullopt;
    const Money standard = amount(model, "input");
    const auto cached = [&](std::string_view option) {
      return given(model, option) ? amount(model, option) : standard;
    };
    return ModelPrice{.input = standard,
                      .output = amount(model, "output"),
                      .cache_read = cached("cache_read"),
                      .cache_write = cached("cache_write")};
  }

  const Node& root_;
  Problems& problems_;
};

}  // namespace

void bind_accounting(const Node& root, Config& config, Problems& problems) {
  AccountingBinder(root, problems).bind(config);
}

void bind_allowance(const Node& node, const std::string& path, Key& key, Problems& problems) {
  if (const auto* quota = std::get_if<int64_t>(&at(node, "quota_tokens").value)) {
    key.quota_tokens = *quota;
  }
  const auto money = [](const Node& limit) -> std::optional<Money> {
    const auto* nanos = std::get_if<int64_t>(&limit.value);
    return nanos != nullptr ? std::optional(Money{*nanos}) : std::nullopt;
  };
  const Node& budgets = at(node, "budgets");
  key.quota_usd = money(at(node, "quota_usd"));
  key.budget_day = money(at(budgets, "day"));
  key.budget_week = money(at(budgets, "week"));
  key.budget_month = money(at(budgets, "month"));
  key.rpm = get<int64_t>(node, "rpm");
  key.tpm = get<int64_t>(node, "tpm");
  key.max_parallel = get<int64_t>(node, "max_parallel");
  key.user = text(node, "user");
  const Node& user = at(node, "user");
  if (!user.bad && !is_user_name(key.user)) {
    problems.error(user.place, path + ".user may hold at most 128 bytes, without blanks around it");
  }
  key.team = text(node, "team");
  const Node& team = at(node, "team");
  if (!team.bad && !is_user_name(key.team)) {
    problems.error(team.place, path + ".team may hold at most 128 bytes, without blanks around it");
  } else if (!key.team.empty() && key.user.empty()) {
    problems.error(team.place, path + ".team needs .user: which of its members the key is of");
  }
}

}  // namespace sluice::config
