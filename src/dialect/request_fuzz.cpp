// A client's body: what goes upstream must be valid, mean the upstream's model and no more output
// than may be paid for, and be the client's bytes when nothing had to change. The first byte
// chooses the endpoint; the rest is also read as an upstream's answer and error.
#include <algorithm>
#include <cstdlib>

#include "dialect/embeddings.hpp"
#include "dialect/output_text.hpp"
#include "dialect/replayed_thinking.hpp"
#include "dialect/request.hpp"
#include "dialect/response.hpp"
#include "dialect/upstream_error.hpp"
#include "json/slices.hpp"

using namespace sluice;
using namespace sluice::dialect;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_limit(const InferenceRequest& request, int64_t limit, config::ProviderType provider) {
  const UpstreamTerms terms{.model = "up", .output_limit = limit, .provider = provider};
  std::string storage;
  const std::string_view lowered = upstream_body(request, terms, storage);
  require(json::valid(lowered));
  const auto again = understand(request.endpoint, std::string(lowered));
  require(again.has_value());
  require(again->n == request.n && again->results() == request.results());
  require(again->results() >= again->choices() && again->choices() > 0);
  if (request.endpoint != Endpoint::kEmbeddings) {
    require(again->max_tokens.value_or(16) <= std::max<int64_t>(limit, 16));
    require(again->max_tokens || request.endpoint == Endpoint::kCompletions);
    if (request.max_tokens) require(again->max_tokens == std::min(*request.max_tokens, limit));
  }
  std::string same;
  require(upstream_body(*again, terms, same) == lowered);
}

void check_request(Endpoint endpoint, std::string_view body) {
  const auto request = understand(endpoint, std::string(body));
  if (!request) {
    require(request.error().code == ErrorCode::kInvalidRequest);
    return;
  }
  std::string storage;
  const std::string_view same = upstream_body(*request, {.model = request->model}, storage);
  require(json::valid(same));
  require(request->adds_usage() || same == body || body.contains("gwsig1."));
  require(without_foreign_thinking(endpoint, same).empty());
  const std::string_view other = upstream_body(*request, {.model = "up\"stream"}, storage);
  require(json::valid(other));
  const auto again = understand(endpoint, std::string(other));
  require(again && again->model == "up\"stream" && !again->adds_usage());
  require(again->stream == request->stream && again->max_tokens == request->max_tokens);
  for (const int64_t limit : {int64_t{1}, int64_t{1025}, int64_t{1} << 40}) {
    check_limit(*request, limit, config::ProviderType::kOpenAi);
    check_limit(*request, limit, config::ProviderType::kZai);
  }
}

void check_embeddings(std::string_view answer) {
  for (const auto asked : {EmbeddingEncoding::kNumbers, EmbeddingEncoding::kBase64}) {
    const std::string written = write_embeddings(asked, answer);
    require(json::valid(written) && write_embeddings(asked, written) == written);
    require(!embeddings_are(asked, answer) || embeddings_are(asked, written));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const auto endpoint = static_cast<Endpoint>(data[0] % 6);
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  if (endpoint != Endpoint::kGenerateContent) check_request(endpoint, body);  // of no client
  const ResponseFacts facts = inspect_response(endpoint, body);
  if (facts.valid) check_embeddings(body);
  const OutputTexts texts = output_texts(endpoint, body);
  require(facts.valid || texts.empty() || !json::valid_utf8(body));
  for (const OutputText& text : texts) {
    require(!text.text.empty() && text.text.bytes.data() >= body.data());
    require(text.text.bytes.data() + text.text.bytes.size() <= body.data() + body.size());
    require(json::valid_utf8(text.text.str()) || !json::valid_utf8(body));
  }
  const Dialect dialect = dialect_of(endpoint);
  for (const int status : {400, 404, 429, 500}) {
    const UpstreamFailure failure = classify_upstream_error(dialect, status, body);
    require(json::valid(map_upstream_error(dialect, status, body, failure, "r").body));
  }
  return 0;
}
