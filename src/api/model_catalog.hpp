// GET /v1/models: what all upstreams offer, as one list.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "dialect/chat/told_capabilities.hpp"
#include "dialect/models.hpp"
#include "net/http_call.hpp"
#include "relay/context.hpp"

namespace sluice::api {

/// One per loop. An upstream's list is kept for five minutes; one that cannot be had is asked
/// again after half a minute and left out meanwhile.
class ModelCatalog {
 public:
  explicit ModelCatalog(relay::LoopContext& context) : context_(context) {}

  /// `id` empty: the list; else that model or 404. Needs a key; a key with a model list sees
  /// only those.
  net::Task<void> handle(net::HttpCall& call, std::string id);

  /// After `first`, asks the upstreams whose lists tell what their models take, and again every few
  /// hours, until `scope` is cancelled. For one loop of all: what is learned is everybody's.
  net::Task<void> keep_learning(net::Scope& scope, Duration first);

 private:
  using Entries = std::vector<dialect::ModelEntry>;
  struct Cached {
    Entries entries;
    TimePoint until;
    TimePoint learn_again;
    bool asking = false;
    std::vector<net::Event*> waiting;  // for the answer that another request asked for
  };

  net::Task<Entries> all();
  net::Task<void> refresh(const relay::Upstream& upstream, net::Scope& scope);
  static std::string cache_key(const config::Provider& provider);
  net::Task<Result<std::string>> fetch(const relay::Upstream& upstream, net::Scope& scope);

  relay::LoopContext& context_;
  std::unordered_map<std::string, Cached> cache_;  // by provider name and address
};

struct ListedModel {
  dialect::ModelEntry entry;
  dialect::chat::ToldCapabilities told;
};

/// Reads an upstream's model list, of OpenAI's, Anthropic's or Google's shape; bad entries are left
/// out.
std::vector<ListedModel> parse_model_list(std::string_view body, std::string_view provider);

}  // namespace sluice::api
