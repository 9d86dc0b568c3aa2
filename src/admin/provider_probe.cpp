// POST /api/admin/providers/{id}/test.
#include "admin/provider_probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "admin/provider_view.hpp"

namespace sluice::admin {

namespace {

constexpr size_t kMaxModel = 250;

double ms(Duration duration) { return std::round(seconds(duration) * 1e6) / 1e3; }

void write_text(json::Writer& json, std::string_view name, const std::string& text) {
  if (text.empty()) {
    json.null_member(name);
  } else {
    json.member(name, text);
  }
}

void write_verdict(json::Writer& json, const ProbeVerdict& verdict) {
  json.member("ok", verdict.ok());
  if (verdict.status != 0) {
    json.member("status", verdict.status);
  } else {
    json.null_member("status");
  }
  write_text(json, "problem", verdict.problem);
  write_text(json, "message", verdict.message);
  write_text(json, "said", verdict.said);
}

void write_times(json::Writer& json, const ProbeTimes& times) {
  const std::pair<std::string_view, const std::optional<Duration>*> steps[] = {
      {"resolve_ms", &times.resolve},
      {"connect_ms", &times.connect},
      {"proxy_ms", &times.proxy},
      {"tls_ms", &times.tls},
      {"first_byte_ms", &times.first_byte}};
  json.key("timings").begin_object();
  for (const auto& [name, time] : steps) {
    if (*time) {
      json.member(name, ms(**time));
    } else {
      json.null_member(name);
    }
  }
  json.member("total_ms", ms(times.total)).end_object();
}

/// It works when every key does.
ProbeVerdict whole_verdict(const ProbeReport& report) {
  ProbeVerdict verdict = report.verdict;
  if (verdict.status == 0 && !verdict.ok()) return verdict;
  size_t refused = 0;
  size_t unasked = 0;
  const ProbeVerdict* first = nullptr;
  for (const ProbeReport::Key& key : report.keys) {
    if (!key.verdict) {
      ++unasked;
    } else if (!key.verdict->ok()) {
      ++refused;
      if (first == nullptr) first = &*key.verdict;
    }
  }
  if (report.keys.size() > 1 && first != nullptr) {
    verdict = *first;
    verdict.message =
        fmt::format("{} of {} keys fail: {}", refused, report.keys.size(), first->message);
  } else if (verdict.ok() && unasked > 0) {
    verdict.problem = "timeout";
    verdict.message =
        fmt::format("there was no time for {} of {} keys", unasked, report.keys.size());
  }
  return verdict;
}

Answer answer_report(const Call& call, const config::Provider& provider,
                     const ProbeReport& report) {
  const ProviderSecrets& secrets = effective(call).secrets();
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().member("provider", provider.name).member("asked", report.asked);
  write_verdict(json, whole_verdict(report));
  if (report.models) {
    json.member("models", *report.models);
  } else {
    json.null_member("models");
  }
  write_times(json, report.times);
  json.key("keys").begin_array();
  for (size_t i = 0; i < report.keys.size(); ++i) {
    const ProbeReport::Key& key = report.keys[i];
    const Secret& secret = provider.api_keys[i];
    json.begin_object()
        .member("id", secrets.id_of(secret.expose()))
        .member("prefix", secret.redacted());
    if (key.verdict) {
      write_verdict(json, *key.verdict);
      json.member("total_ms", ms(key.total));
    } else {
      json.null_member("ok").null_member("status").null_member("problem");
      json.null_member("message").null_member("said").null_member("total_ms");
    }
    json.end_object();
  }
  json.end_array().end_object();
  return answer;
}

/// As requests would use it; kConflict for one of the database that none does.
Result<const config::Provider*> provider_of(const Call& call, const EffectiveConfig::State& state) {
  std::string name = call.argument();
  if (const store::ProviderRow* row = find_row(state, name)) {
    const EffectiveConfig::Standing& standing =
        state.standing(EffectiveConfig::Kind::kProvider, row->id);
    if (standing.shadowed && name == row->name) {
      // The name means the file's.
    } else if (standing.shadowed) {
      return fail(ErrorCode::kConflict,
                  "The configuration file has a provider of this name, which is used in its "
                  "place: test that one, by its name.");
    } else if (!standing.problem.empty()) {
      return fail(ErrorCode::kConflict, "It is left out: " + standing.problem, standing.field);
    }
    name = row->name;
  }
  const auto& all = state.config->providers;
  const auto found = std::ranges::find(all, name, &config::Provider::name);
  if (found == all.end()) return no_provider();
  return &*found;
}

Result<Answer> test_provider(const Call& call) {
  const Probe& probe = call.service.running().probe;
  if (!probe) return fail(ErrorCode::kNotFound, "providers cannot be asked here");
  const auto model = call.fields.text("model", kMaxModel);
  if (!model) return std::unexpected(model.error());
  const auto state = effective(call).state();
  const auto provider = provider_of(call, *state);
  if (!provider) return std::unexpected(provider.error());
  const auto report = probe(**provider, *model);
  if (!report) return std::unexpected(report.error());
  return answer_report(call, **provider, *report);
}

constexpr Field kBody[] = {
    {"model", FieldKind::kText,
     "Asks this model for one token, which may cost something; absent: asks for the list of "
     "models."}};

constexpr Route kRoutes[] = {
    {.method = "POST",
     .pattern = "/api/admin/providers/{id}/test",
     .handle = test_provider,
     .summary = "Asks a provider now, with each of its keys, and tells how that went and what each "
                "step took.",
     .body = kBody,
     .configures = true,
     .asks_upstream = true},
};

}  // namespace

std::span<const Route> provider_probe_routes() { return kRoutes; }

}  // namespace sluice::admin
