// What the URLs in one request lead to, for upstreams that do not fetch by themselves.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/capabilities.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"
#include "net/public_fetch.hpp"
#include "net/resolver.hpp"
#include "net/task.hpp"
#include "relay/snapshot.hpp"

namespace sluice::relay {

/// Fetches each URL once, however often the request is written: for another try, or another
/// upstream. Loop thread only.
class RemoteContent {
 public:
  /// Both outlive this.
  RemoteContent(const Snapshot& snapshot, net::Resolver& resolver)
      : snapshot_(snapshot), resolver_(resolver) {}

  /// Puts bytes in place of the URLs that the target does not fetch, as far as they are here; they
  /// must stay until the request is written. The others are wanted from now on.
  void fill(dialect::chat::Request& request, const dialect::chat::Capabilities& capabilities);
  bool wants_any() const { return !wanted_.empty(); }
  /// Something was fetched, which has taken time that is not the gateway's.
  bool used() const { return size_ > 0; }
  /// Brings what is wanted, some at a time. kInvalidRequest, with what cannot be had in `param`;
  /// kClientGone once the scope is cancelled. Clears the scope's deadline.
  net::Task<Status> fetch(net::Scope& scope);

  /// Lets go of all that was fetched.
  void clear();

 private:
  struct Wanted {
    bool document = false;
    std::string url;
    std::string param;
  };
  struct Item {
    bool text = false;
    std::string_view media_type;  // static text
    std::string data;             // base64, or the text itself
  };
  struct Fetching;

  static std::string key_of(bool document, std::string_view url);
  net::Task<void> work(Fetching& fetching, net::Scope& scope);
  Status keep(const Wanted& wanted, net::Fetched fetched);

  const Snapshot& snapshot_;
  net::Resolver& resolver_;
  std::vector<Wanted> wanted_;
  std::unordered_map<std::string, Item> items_;
  size_t size_ = 0;  // bytes fetched in all
};

}  // namespace sluice::relay
