#include "admin/effective_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/text.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"
#include "net/tls.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

using config::Addition;
using Kind = Addition::Kind;

/// Options of a provider beside those that are columns.
constexpr std::string_view kSettings[] = {"ca_file",  "proxy",     "timeouts", "pool",
                                          "platform", "responses", "reasoning"};
constexpr int64_t kManyNew = 1000;

std::string label_of(Kind kind, int64_t id, std::string_view name) {
  const std::string number = id > EffectiveConfig::kNew - kManyNew
                                 ? fmt::format("(new {})", EffectiveConfig::kNew - id + 1)
                                 : std::to_string(id);
  switch (kind) {
    case Kind::kProvider:
      return fmt::format("database provider {}", name);
    case Kind::kGroup:
      return fmt::format("database group {}", name);
    case Kind::kRule:
      break;
  }
  return fmt::format("database rule {}", number);
}

Addition addition_of(const store::GroupRow& group) {
  Addition out{
      .kind = Kind::kGroup, .label = label_of(Kind::kGroup, group.id, group.name), .json = {}};
  json::Writer json(out.json);
  json.begin_object().member("name", group.name).member("strategy", group.strategy);
  json.member("affinity", group.affinity);
  if (!group.resume.empty()) json.member("resume", group.resume);
  json.key("members").begin_array();
  for (const store::MemberRow& each : group.members) {
    json.begin_object()
        .member("target", each.provider_name)
        .member("model", each.model)
        .member("weight", each.weight)
        .end_object();
  }
  json.end_array().end_object();
  return out;
}

Addition addition_of(const store::RuleRow& rule) {
  Addition out{.kind = Kind::kRule, .label = label_of(Kind::kRule, rule.id, {}), .json = {}};
  json::Writer(out.json)
      .begin_object()
      .member("type", rule.rule_type)
      .member("pattern", rule.pattern)
      .member("target", rule.provider_name)
      .member("model", rule.model)
      .member("priority", rule.priority)
      .end_object();
  return out;
}

/// An addition and the row that it comes from.
struct Candidate {
  Addition addition;
  int64_t id = 0;
};

/// The candidate that a fault is in; nullptr when it is elsewhere.
const Candidate* culprit(const std::vector<Candidate>& candidates, const config::Fault& fault) {
  for (const Candidate& each : candidates) {
    const std::string& label = each.addition.label;
    if (fault.source == label || fault.source.starts_with(label + ": ")) return &each;
  }
  return nullptr;
}

/// Trust stores that are files and hold no certificates; reading them is more than parsing does.
std::vector<config::Fault> unreadable_stores(const config::Config& config,
                                             const std::vector<Candidate>& candidates) {
  std::vector<config::Fault> faults;
  for (const config::Provider& provider : config.providers) {
    const std::string label = label_of(Kind::kProvider, 0, provider.name);
    const bool ours = std::ranges::any_of(
        candidates, [&](const auto& each) { return each.addition.label == label; });
    if (provider.ca_file.empty() || !ours) continue;
    if (net::TlsContext::client(provider.ca_file)) continue;
    faults.push_back(
        {.source = label + ": ca_file",
         .what = fmt::format("ca_file {} has no certificates in PEM form", provider.ca_file)});
  }
  return faults;
}

std::string field_of(const config::Fault& fault, const Addition& addition) {
  const size_t from = addition.label.size() + 2;
  return fault.source.size() > from ? fault.source.substr(from) : std::string();
}

}  // namespace

const EffectiveConfig::Standing& EffectiveConfig::State::standing(Kind kind, int64_t id) const {
  static const Standing kNothing;
  const auto found = standings.find({kind, id});
  return found == standings.end() ? kNothing : found->second;
}

Result<crypto::Sealer> EffectiveConfig::sealer_of(const config::Config& config) {
  if (!config.secret_key.empty()) return crypto::Sealer(config.secret_key);
  return crypto::Sealer::from_file(config.data_dir + "/secret_key");
}

Result<std::unique_ptr<EffectiveConfig>> EffectiveConfig::open(store::Catalog& catalog,
                                                               crypto::Sealer sealer,
                                                               config::LoadOptions options) {
  std::unique_ptr<EffectiveConfig> made(
      new EffectiveConfig(catalog, std::move(sealer), std::move(options)));
  if (Status read = made->reload(); !read) return std::unexpected(read.error());
  return made;
}

void EffectiveConfig::on_change(Publish publish) {
  const std::lock_guard lock(changes_);
  publish_ = std::move(publish);
}

EffectiveConfig::StatePtr EffectiveConfig::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Result<Addition> EffectiveConfig::addition_of(const store::ProviderRow& provider) const {
  Addition out{.kind = Kind::kProvider,
               .label = label_of(Kind::kProvider, provider.id, provider.name),
               .json = {}};
  const auto keys = secrets_.keys(provider);
  if (!keys) return std::unexpected(keys.error());
  const auto headers = secrets_.headers(provider);
  if (!headers) return std::unexpected(headers.error());
  const auto wrong = [](std::string_view column, std::string_view what) {
    return fail(ErrorCode::kConfig, fmt::format("{} must be {}", column, what),
                std::string(column));
  };
  if (!json::valid(provider.models) || !provider.models.starts_with('[')) {
    return wrong("models", "a JSON list");
  }
  if (!json::valid(provider.settings) || !provider.settings.starts_with('{')) {
    return wrong("settings", "a JSON object");
  }
  json::Writer json(out.json);
  json.begin_object().member("name", provider.name).member("type", provider.type);
  if (!provider.base_url.empty()) json.member("base_url", provider.base_url);
  json.key("api_keys").begin_array();
  for (const std::string& each : *keys) json.string(each);
  json.end_array()
      .member("default", provider.is_default)
      .member("enabled", provider.enabled)
      .raw_member("models", provider.models)
      .key("headers")
      .begin_object();
  for (const auto& [name, value] : *headers) json.member(name, value);
  json.end_object();
  json::Members settings{std::string_view(provider.settings)};
  for (json::Member each; settings.next(each);) {
    const std::string name = each.key.str();
    if (std::ranges::find(kSettings, name) == std::end(kSettings)) {
      return wrong("settings", fmt::format("made of {}", fmt::join(kSettings, ", ")));
    }
    json.raw_member(name, each.value.raw());
  }
  json.end_object();
  return out;
}

Result<EffectiveConfig::Rows> EffectiveConfig::read_rows() {
  auto rows = catalog_.rows();
  if (!rows) return rows;
  for (store::ProviderRow& each : rows->providers) {
    const store::ProviderRow present = each;
    const auto hidden = secrets_.hide(each);
    if (!hidden) return std::unexpected(hidden.error());
    if (!*hidden) continue;
    if (Status done = catalog_.replace_secrets(present, each.api_key, each.headers); !done) {
      return std::unexpected(done.error());
    }
    log::info("a provider's secrets in the database are encrypted now", {{"provider", each.name}});
  }
  return rows;
}

Result<EffectiveConfig::StatePtr> EffectiveConfig::evaluate(const config::Document& document,
                                                            Rows rows) const {
  auto state = std::make_shared<State>();
  auto file = config::load_merged(document, options_, {});
  if (!file) return std::unexpected(std::move(file.error()));
  state->file = std::make_shared<const config::Config>(std::move(file->config));

  std::vector<Candidate> candidates;
  for (const store::ProviderRow& each : rows.providers) {
    auto addition = addition_of(each);
    if (addition) {
      candidates.push_back({std::move(*addition), each.id});
    } else {
      Standing& standing = state->standings[{Kind::kProvider, each.id}];
      standing.problem = addition.error().message;
      standing.field = addition.error().param;
    }
  }
  for (const store::GroupRow& each : rows.groups) {
    if (each.enabled) candidates.push_back({admin::addition_of(each), each.id});
  }
  for (const store::RuleRow& each : rows.rules) {
    if (each.enabled) candidates.push_back({admin::addition_of(each), each.id});
  }

  // What is at fault goes, and with it what needs it.
  for (;;) {
    state->additions.clear();
    for (const Candidate& each : candidates) state->additions.push_back(each.addition);
    std::vector<config::Fault> faults;
    auto loaded = config::load_merged(document, options_, state->additions, &faults);
    if (loaded) {
      faults = unreadable_stores(loaded->config, candidates);
    }
    if (loaded && faults.empty()) {
      for (size_t i = 0; i < candidates.size(); ++i) {
        Standing& standing = state->standings[{candidates[i].addition.kind, candidates[i].id}];
        standing.shadowed = loaded->merged[i].shadowed;
        standing.default_lost = loaded->merged[i].default_lost;
      }
      state->config = std::make_shared<const config::Config>(std::move(loaded->config));
      break;
    }
    const size_t before = candidates.size();
    for (const config::Fault& fault : faults) {
      const Candidate* found = culprit(candidates, fault);
      if (found == nullptr) continue;
      Standing& standing = state->standings[{found->addition.kind, found->id}];
      standing.problem = fault.what;
      standing.field = field_of(fault, found->addition);
      candidates.erase(candidates.begin() + (found - candidates.data()));
    }
    if (candidates.size() == before && loaded) {
      return fail(ErrorCode::kConfig, faults.front().what);
    }
    if (candidates.size() == before) return std::unexpected(std::move(loaded.error()));
  }
  state->rows = std::move(rows);
  return state;
}

void EffectiveConfig::tell_problems() const {
  const StatePtr now = state();
  for (const auto& [row, standing] : now->standings) {
    if (standing.problem.empty()) continue;
    log::error("a row of the database is left out",
               {{"table", row.first == Kind::kProvider ? "providers"
                          : row.first == Kind::kGroup  ? "load_balance_groups"
                                                       : "routing_rules"},
                {"id", row.second},
                {"reason", standing.problem}});
  }
}

Status EffectiveConfig::use(StatePtr next, bool file_read) {
  if (publish_) {
    if (Status published = publish_(next->config, file_read); !published) return published;
  }
  {
    const std::lock_guard lock(mutex_);
    state_ = std::move(next);
  }
  if (publish_) tell_problems();
  return {};
}

Status EffectiveConfig::reload() {
  const std::lock_guard lock(changes_);
  auto document = config::read_document(options_);
  if (!document) return std::unexpected(document.error());
  auto rows = read_rows();
  if (!rows) return std::unexpected(rows.error());
  auto next = evaluate(*document, std::move(*rows));
  if (!next) return std::unexpected(next.error());
  if (Status used = use(std::move(*next), true); !used) return used;
  document_ = std::move(*document);
  return {};
}

Status EffectiveConfig::reread_rows() {
  const std::lock_guard lock(changes_);
  auto rows = read_rows();
  if (!rows) return std::unexpected(rows.error());
  if (*rows == state()->rows) return {};
  auto next = evaluate(document_, std::move(*rows));
  if (!next) return std::unexpected(next.error());
  return use(std::move(*next), false);
}

Result<EffectiveConfig::StatePtr> EffectiveConfig::edited(
    const std::function<Status(Rows&)>& edit) {
  auto rows = read_rows();
  if (!rows) return std::unexpected(rows.error());
  const auto before = evaluate(document_, *rows);
  if (!before) return std::unexpected(before.error());
  if (Status done = edit(*rows); !done) return std::unexpected(done.error());
  auto after = evaluate(document_, std::move(*rows));
  if (!after) return after;
  for (const auto& [row, standing] : (*after)->standings) {
    if (standing.problem.empty()) continue;
    // What was wrong and still is may stay, as long as something else is changed.
    const Standing& was = (*before)->standing(row.first, row.second);
    if (was.problem == standing.problem) continue;
    return fail(ErrorCode::kInvalidRequest, standing.problem, standing.field);
  }
  return after;
}

Result<config::ConfigPtr> EffectiveConfig::try_out(const std::function<Status(Rows&)>& edit) {
  const std::lock_guard lock(changes_);
  const auto state = edited(edit);
  if (!state) return std::unexpected(state.error());
  return (*state)->config;
}

Status EffectiveConfig::change(const std::function<Status(Rows&)>& edit,
                               const std::function<Status()>& write) {
  const std::lock_guard lock(changes_);
  if (const auto holds = edited(edit); !holds) return std::unexpected(holds.error());
  if (Status written = write(); !written) return written;
  auto there = read_rows();
  if (!there) return std::unexpected(there.error());
  auto next = evaluate(document_, std::move(*there));
  if (!next) return std::unexpected(next.error());
  return use(std::move(*next), false);
}

Result<std::vector<config::Setting>> EffectiveConfig::settings() const {
  const std::lock_guard lock(changes_);
  const StatePtr now = state();
  return config::settings_of(document_, options_, now->additions);
}

}  // namespace sluice::admin
