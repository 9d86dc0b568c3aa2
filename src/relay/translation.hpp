// Between a client and an upstream that speak different dialects: the request as the upstream
// takes it, and what the way back of the answer needs. docs/dialects.md says what becomes of what.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "dialect/chat/answer.hpp"
#include "dialect/chat/capabilities.hpp"
#include "dialect/request.hpp"
#include "http/head.hpp"
#include "net/blocking_pool.hpp"
#include "relay/learned_models.hpp"
#include "relay/remote_content.hpp"
#include "relay/snapshot.hpp"

namespace sluice::relay {

/// Owns all it holds, and outlives the request's body.
struct Translation {
  dialect::Endpoint client = dialect::Endpoint::kChatCompletions;    // what was asked
  dialect::Endpoint upstream = dialect::Endpoint::kChatCompletions;  // what is asked instead
  std::string body;
  dialect::chat::AnswerPlan plan;
  std::vector<std::string> dropped;  // of the client's fields
  /// The upstream may end a stream without saying why.
  bool end_without_finish = false;
  /// The upstream is asked with the client's own bytes, and only its answer is changed.
  bool answer_only = false;
  /// The upstream may pause its turn, and is then asked to go on.
  bool may_pause = false;
  /// Nothing has to be asked: there is no answer to it but an empty one.
  bool empty_answer = false;
};

/// What the configuration says of a model wins over what is built in. kConfig for a capability that
/// does not exist, or cannot have its value.
Status override_capabilities(dialect::chat::Capabilities& capabilities, const config::Model& model);

/// What the upstream is asked for a client's request: the same where it understands it.
dialect::Endpoint upstream_endpoint(dialect::Endpoint client, const Upstream& upstream);

struct TranslationTerms {
  const Upstream& upstream;
  std::string_view model;  // the upstream's name
  std::optional<int64_t> output_limit;
  const config::Config& config;
  std::optional<bool> strict;  // of the client's key; absent: the configuration's
  /// The conversation was with another model or account before.
  bool moved = false;
  const http::Fields& fields;  // the client's
  RemoteContent& remote;       // outlives the writing; wants what it lacks
  net::BlockingPool& blocking;
  const LearnedModels& learned;
};

/// The client's bytes are what the upstream is asked. They are not where it speaks another dialect,
/// nor where OpenAI's own takes tools only over Responses.
bool passes_unchanged(const dialect::InferenceRequest& request, const TranslationTerms& terms);

/// kInvalidRequest, with the field in `param`, for what cannot be told in the other dialect or
/// cannot be fetched for it, and in strict mode for all that would be lost. kClientGone once the
/// scope is cancelled. A large body is converted on the blocking pool.
net::Task<Result<Translation>> translate(const dialect::InferenceRequest& request,
                                         const TranslationTerms& terms, net::Scope& scope);

/// Where client and upstream speak one dialect, but the answer is not to be shown as it is: the
/// thinking in an OpenAI stream. nullopt where the bytes may pass, and where there are several
/// choices, which no conversion carries.
std::optional<Translation> translate_answer(const dialect::InferenceRequest& request,
                                            const TranslationTerms& terms);

/// Where the bytes of a stream could pass, but it goes on for one that has broken off: its answer
/// is written anew, and thinking that is not to be shown stays out of it.
Translation translate_rest(const dialect::InferenceRequest& request, const TranslationTerms& terms);

/// The model goes on with an assistant's message at the end of the conversation.
bool continues_messages(const dialect::InferenceRequest& request, const TranslationTerms& terms);

/// Reads a whole answer of the upstream; a view of the body. kUpstreamError when it is none.
Result<dialect::chat::Answer> read_answer(const Translation& translation, std::string_view body);

/// The same of one that came as events though it was not asked to.
Result<dialect::chat::Answer> gather_answer(const Translation& translation,
                                            std::string_view events);

/// Writes it for the client. What is lost is added to `answer.dropped`.
std::string write_answer(const Translation& translation, dialect::chat::Answer& answer);

/// The value of x-sluice-dropped; empty when nothing was lost. Names come from the client, so they
/// are cleaned and cut.
std::string dropped_header(const std::vector<std::string>& dropped);

}  // namespace sluice::relay
