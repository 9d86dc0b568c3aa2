// What stands behind the routes; service.cpp says which is which.
#pragma once

#include <string>

#include "admin/service.hpp"

namespace sluice::admin {

/// A request whose route is known.
struct Call {
  Service& service;
  const Request& request;
  std::string_view query;
  std::string argument;  // the path's variable segment, decoded
};

// Wallets.
Result<Answer> list_wallets(const Call& call);
Result<Answer> show_wallet(const Call& call);
Result<Answer> list_transactions(const Call& call);
Result<Answer> top_up(const Call& call);
Result<Answer> adjust(const Call& call);
Result<Answer> verify(const Call& call);

// Keys.
Result<Answer> list_keys(const Call& call);
Result<Answer> create_key(const Call& call);
Result<Answer> delete_key(const Call& call);

// Usage.
Result<Answer> list_usage(const Call& call);
Result<Answer> show_usage(const Call& call);
Result<Answer> summarize_usage(const Call& call);

Result<Answer> backup(const Call& call);

}  // namespace sluice::admin
