#include "relay/remote_content.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "dialect/chat/reading.hpp"
#include "net/scope.hpp"
#include "net/task_group.hpp"

namespace sluice::relay {

namespace {

namespace chat = dialect::chat;

constexpr size_t kAtATime = 4;
constexpr std::string_view kImages = "image/jpeg, image/png, image/gif, image/webp";
constexpr std::string_view kDocuments = "application/pdf, text/*";

}  // namespace

/// What the fetches of one request share.
struct RemoteContent::Fetching {
  std::vector<Wanted> wanted;
  size_t next = 0;
  std::deque<net::Scope> scopes = {};
  std::optional<Error> error = {};  // the first

  void cancel() {
    for (net::Scope& each : scopes) each.cancel(net::CancelReason::kRequested);
  }
};

std::string RemoteContent::key_of(bool document, std::string_view url) {
  return fmt::format("{} {}", document ? "document" : "image", url);
}

void RemoteContent::fill(chat::Request& request, const chat::Capabilities& capabilities) {
  wanted_.clear();
  if (!snapshot_.config->fetch.enabled) return;
  for (const chat::RemoteSource& each : chat::remote_sources(request, capabilities)) {
    const bool document = each.kind == chat::BlockKind::kDocument;
    std::string url = each.source->data.str();
    const auto found = items_.find(key_of(document, url));
    if (found != items_.end()) {
      const Item& item = found->second;
      // Base64 may stand in JSON as it is.
      *each.source = {.kind = item.text ? chat::Source::Kind::kText : chat::Source::Kind::kBase64,
                      .media_type = chat::literal(item.media_type),
                      .data = item.text ? request.arena.text(item.data) : chat::literal(item.data)};
    } else if (std::ranges::none_of(wanted_, [&](const Wanted& known) {
                 return known.document == document && known.url == url;
               })) {
      wanted_.push_back({.document = document, .url = std::move(url), .param = each.param});
    }
  }
}

net::Task<Status> RemoteContent::fetch(net::Scope& scope) {
  Fetching fetching{.wanted = std::exchange(wanted_, {})};
  const auto most = static_cast<size_t>(snapshot_.config->fetch.max_per_request);
  const size_t room = most - std::min(most, items_.size());
  if (fetching.wanted.size() > room) {
    co_return fail(ErrorCode::kInvalidRequest,
                   fmt::format("At most {} URLs are fetched for one request.", most),
                   fetching.wanted[room].param);
  }
  net::TaskGroup group;
  const size_t workers = std::min(kAtATime, fetching.wanted.size());
  for (size_t i = 0; i < workers; ++i) fetching.scopes.emplace_back(scope.loop());
  for (net::Scope& each : fetching.scopes) group.spawn(work(fetching, each));
  scope.clear_deadline();
  const net::Outcome outcome = co_await group.empty(scope);
  if (outcome != net::Outcome::kReady) {
    fetching.cancel();
    net::Scope rest(scope.loop());
    co_await group.empty(rest);
    co_return fail(ErrorCode::kClientGone, "cancelled");
  }
  if (fetching.error) co_return std::unexpected(std::move(*fetching.error));
  co_return Status{};
}

net::Task<void> RemoteContent::work(Fetching& fetching, net::Scope& scope) {
  const net::Resolve resolve = [this](std::string host, uint16_t port, net::Scope& until) {
    return resolver_.resolve(std::move(host), port, until);
  };
  while (fetching.next < fetching.wanted.size() && !scope.cancelled()) {
    const Wanted& wanted = fetching.wanted[fetching.next++];
    auto fetched = co_await net::fetch_public(snapshot_.fetch, resolve, wanted.url,
                                              wanted.document ? kDocuments : kImages, scope);
    if (scope.cancelled()) co_return;
    const Status kept = fetched ? keep(wanted, std::move(*fetched))
                                : Status(std::unexpected(std::move(fetched.error())));
    if (kept) continue;
    fetching.error = kept.error();
    fetching.error->param = wanted.param;
    fetching.cancel();
  }
}

Status RemoteContent::keep(const Wanted& wanted, net::Fetched fetched) {
  size_ += fetched.body.size();
  if (size_ > snapshot_.config->server.max_body) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("The URLs of the request lead to more than {} bytes.",
                            snapshot_.config->server.max_body));
  }
  Item item;
  item.data = chat::encode_base64(fetched.body);
  item.media_type = chat::sniff_media_type(item.data);
  if (wanted.document && item.media_type.empty() && fetched.media_type.starts_with("text/")) {
    item = {.text = true, .media_type = "text/plain", .data = std::move(fetched.body)};
  } else if (item.media_type.empty() || wanted.document == item.media_type.starts_with("image/")) {
    return fail(ErrorCode::kInvalidRequest,
                wanted.document
                    ? "The URL cannot be fetched: its content is neither PDF nor text."
                    : "The URL cannot be fetched: its content is no JPEG, PNG, GIF or WebP.");
  }
  items_.emplace(key_of(wanted.document, wanted.url), std::move(item));
  return {};
}

void RemoteContent::clear() {
  wanted_.clear();
  std::unordered_map<std::string, Item>().swap(items_);
}

}  // namespace sluice::relay
