#include "relay/translation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "dialect/chat/answer_gatherer.hpp"
#include "dialect/chat/conversions.hpp"
#include "dialect/chat/efforts.hpp"
#include "dialect/chat/reading.hpp"
#include "json/writer.hpp"
#include "net/offload.hpp"

namespace sluice::relay {

namespace {

namespace chat = dialect::chat;
using dialect::Dialect;
using dialect::Endpoint;

// More names than this tell nobody anything.
constexpr size_t kMaxDroppedHeader = 1024;
// Larger bodies are converted off the loop: a megabyte takes milliseconds.
constexpr size_t kConvertedInline = 256 * 1024;

Result<chat::Mode> mode_of(const TranslationTerms& terms) {
  constexpr std::string_view kHeader = "x-sluice-mode";
  if (!terms.fields.has(kHeader)) {
    const bool strict = terms.strict.value_or(terms.config.routing.strict);
    return strict ? chat::Mode::kStrict : chat::Mode::kLenient;
  }
  const std::string_view wanted = terms.fields.get(kHeader);
  if (iequals(wanted, "strict")) return chat::Mode::kStrict;
  if (iequals(wanted, "lenient")) return chat::Mode::kLenient;
  return fail(ErrorCode::kInvalidRequest, "x-sluice-mode must be lenient or strict.",
              std::string(kHeader));
}

/// A value of the configuration, which knows no types here, as JSON.
std::string as_json(std::string_view name, std::string_view text) {
  std::string out;
  if (name == "efforts" || name == "effort_levels" || name == "thinking_types") {
    json::Writer list(out);
    list.begin_array();
    while (!text.empty()) {
      const size_t end = std::min(text.find_first_of(" ,"), text.size());
      if (end > 0) list.string(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    list.end_array();
  } else if (text == "true" || text == "false" || parse_u64(text)) {
    out = text;
  } else {
    json::append_string(out, text);
  }
  return out;
}

/// The configuration's words about a model, by the upstream's name of it or else the client's.
const config::Model* configured(const config::Config& config, std::string_view upstream,
                                std::string_view client) {
  for (const std::string_view name : {upstream, client}) {
    const auto found = std::ranges::find(config.models, name, &config::Model::name);
    if (found != config.models.end()) return &*found;
  }
  return nullptr;
}

}  // namespace

Status override_capabilities(chat::Capabilities& capabilities, const config::Model& model) {
  if (model.max_output > 0) capabilities.max_output = model.max_output;
  if (model.context > 0) capabilities.context_window = model.context;
  for (const auto& [name, text] : model.capabilities) {
    const std::string value = as_json(name, text);
    const Status taken = chat::apply_override(capabilities, name, json::Value(value));
    if (!taken) {
      return fail(ErrorCode::kConfig, fmt::format("model {}: capabilities.{}: {}", model.name, name,
                                                  taken.error().message));
    }
  }
  return {};
}

Endpoint upstream_endpoint(Endpoint client, const Upstream& upstream) {
  switch (client) {
    case Endpoint::kCompletions:
    case Endpoint::kEmbeddings:
    case Endpoint::kGenerateContent:
      return client;
    case Endpoint::kResponses:
      if (upstream.responses) return client;
      break;
    case Endpoint::kChatCompletions:
    case Endpoint::kMessages:
      break;
  }
  switch (upstream.dialect) {
    case Dialect::kAnthropic:
      return Endpoint::kMessages;
    case Dialect::kGemini:
      return Endpoint::kGenerateContent;
    case Dialect::kOpenAi:
    case Dialect::kResponses:
      break;
  }
  return Endpoint::kChatCompletions;
}

namespace {

/// What is built in, what the upstream has told, and what the configuration says.
Result<chat::Capabilities> capabilities_for(const dialect::InferenceRequest& request,
                                            const TranslationTerms& terms) {
  chat::Capabilities capabilities =
      chat::capabilities_of(terms.upstream.provider->type, terms.model);
  if (const auto told = terms.learned.find(*terms.upstream.provider, terms.model)) {
    told->apply(capabilities);
  }
  if (const auto* model = configured(terms.config, terms.model, request.model)) {
    const Status taken = override_capabilities(capabilities, *model);
    if (!taken) return std::unexpected(taken.error());
  }
  return capabilities;
}

/// With what has been fetched so far; `terms.remote` then tells what else is wanted.
Result<Translation> translate_now(const dialect::InferenceRequest& request,
                                  const TranslationTerms& terms) {
  const config::Provider& provider = *terms.upstream.provider;
  const auto mode = mode_of(terms);
  if (!mode) return std::unexpected(mode.error());
  const auto known = capabilities_for(request, terms);
  if (!known) return std::unexpected(known.error());
  const chat::Capabilities& capabilities = *known;
  const config::Routing& routing = terms.config.routing;
  const chat::Target target{.model = terms.model,
                            .provider = provider.name,
                            .capabilities = capabilities,
                            .mode = *mode,
                            .output_limit = terms.output_limit,
                            .auto_cache = routing.auto_cache,
                            .repair_tools = routing.repair_tools,
                            .prefer_forced_tool = routing.prefer_forced_tool,
                            .expose_reasoning = routing.expose_reasoning,
                            .signature_key = terms.upstream.signature_key};
  Endpoint asked = upstream_endpoint(request.endpoint, terms.upstream);
  const auto read = [&] {
    auto read_request = chat::parse_request(request.endpoint, request.body);
    if (!read_request) return read_request;
    if (terms.moved && capabilities.thinking_prefix_bound) chat::forget_thinking(*read_request);
    terms.remote.fill(*read_request, capabilities);
    return read_request;
  };
  auto parsed = read();
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  if (asked == Endpoint::kChatCompletions && terms.upstream.responses &&
      chat::needs_responses(*parsed, capabilities)) {
    asked = Endpoint::kResponses;
  }
  auto outgoing = chat::write_request(asked, *parsed, target);
  if (!outgoing) return std::unexpected(std::move(outgoing.error()));
  Translation out{.client = request.endpoint,
                  .upstream = asked,
                  .body = std::move(outgoing->body),
                  .plan = std::move(outgoing->plan),
                  .dropped = std::move(outgoing->dropped),
                  .end_without_finish = capabilities.eof_without_finish_ok,
                  .may_pause = outgoing->may_pause,
                  .empty_answer = outgoing->empty_answer};
  out.plan.echo = std::move(parsed->echo);
  out.plan.reasoning = provider.reasoning;
  out.plan.created = wall_nanos() / 1'000'000'000;
  if (terms.config.routing.show_upstream_model) out.plan.model.clear();
  return out;
}

/// Off the loop where it would keep others waiting.
net::Task<Result<Translation>> translate_off_loop(const dialect::InferenceRequest& request,
                                                  const TranslationTerms& terms,
                                                  net::Scope& scope) {
  if (request.body.size() <= kConvertedInline) co_return translate_now(request, terms);
  // Awaited to its end even if the client leaves: it works on what lives in this chain.
  net::Scope own(scope.loop());
  std::move_only_function<Result<Translation>()> work = [&request, &terms] {
    return translate_now(request, terms);
  };
  auto translated =
      co_await net::offload<Result<Translation>>(terms.blocking, std::move(work), own);
  if (!translated) co_return translate_now(request, terms);  // the pool is full
  if (scope.cancelled()) co_return fail(ErrorCode::kClientGone, "cancelled");
  co_return std::move(*translated);
}

}  // namespace

bool passes_unchanged(const dialect::InferenceRequest& request, const TranslationTerms& terms) {
  if (upstream_endpoint(request.endpoint, terms.upstream) != request.endpoint) return false;
  if (request.endpoint != Endpoint::kChatCompletions || !terms.upstream.responses ||
      !request.has_tools) {
    return true;
  }
  using Tools = chat::Capabilities::ToolsWithReasoning;
  const auto known = capabilities_for(request, terms);
  if (!known || known->tools_with_reasoning != Tools::kUseResponses) return true;
  // What cannot be converted is the upstream's to judge.
  const auto parsed = chat::parse_request(request.endpoint, request.body);
  return !parsed || !chat::needs_responses(*parsed, *known);
}

net::Task<Result<Translation>> translate(const dialect::InferenceRequest& request,
                                         const TranslationTerms& terms, net::Scope& scope) {
  auto translated = co_await translate_off_loop(request, terms, scope);
  if (!terms.remote.wants_any()) co_return translated;
  if (const Status fetched = co_await terms.remote.fetch(scope); !fetched) {
    co_return std::unexpected(fetched.error());
  }
  co_return co_await translate_off_loop(request, terms, scope);
}

std::optional<Translation> translate_answer(const dialect::InferenceRequest& request,
                                            const TranslationTerms& terms) {
  const config::Provider& provider = *terms.upstream.provider;
  const bool shown = provider.reasoning == config::ReasoningDisplay::kShown;
  if (shown || request.endpoint != Endpoint::kChatCompletions || request.choices() != 1) {
    return std::nullopt;
  }
  Translation out;
  out.client = out.upstream = request.endpoint;
  out.answer_only = true;
  out.end_without_finish = chat::capabilities_of(provider.type, terms.model).eof_without_finish_ok;
  out.plan.include_usage = request.include_usage;
  out.plan.reasoning = provider.reasoning;
  out.plan.created = wall_nanos() / 1'000'000'000;
  // Like the bytes that pass otherwise, it names the upstream's model.
  if (const auto parsed = chat::parse_request(request.endpoint, request.body)) {
    out.plan.legacy_functions = parsed->legacy_functions;
    for (const chat::Extra& extra : parsed->extras) {
      if (extra.name == "logprobs" && !chat::asks_nothing(extra.value)) {
        out.dropped.emplace_back("logprobs");
      }
    }
  }
  return out;
}

Translation translate_rest(const dialect::InferenceRequest& request,
                           const TranslationTerms& terms) {
  if (auto hidden = translate_answer(request, terms)) return std::move(*hidden);
  const config::Provider& provider = *terms.upstream.provider;
  Translation out;
  out.client = out.upstream = request.endpoint;
  out.answer_only = true;
  out.end_without_finish = chat::capabilities_of(provider.type, terms.model).eof_without_finish_ok;
  out.plan.include_usage = request.include_usage;
  out.plan.created = wall_nanos() / 1'000'000'000;
  return out;
}

bool continues_messages(const dialect::InferenceRequest& request, const TranslationTerms& terms) {
  const auto known = capabilities_for(request, terms);
  return known && known->prefill;
}

Result<chat::Answer> read_answer(const Translation& translation, std::string_view body) {
  return chat::parse_answer(translation.upstream, body, translation.plan);
}

Result<chat::Answer> gather_answer(const Translation& translation, std::string_view events) {
  return chat::gather_answer(translation.upstream, events, translation.plan,
                             translation.end_without_finish);
}

std::string write_answer(const Translation& translation, chat::Answer& answer) {
  return chat::write_answer(translation.client, answer, translation.plan);
}

std::string dropped_header(const std::vector<std::string>& dropped) {
  std::string value;
  for (const std::string& name : dropped) {
    if (value.size() + name.size() + 2 > kMaxDroppedHeader) break;
    if (!value.empty()) value += ", ";
    for (const char c : name) value += c > ' ' && c < '\x7f' && c != ',' ? c : '_';
  }
  return value;
}

}  // namespace sluice::relay
