// The log of changes on a database server: who writes it, and how it is read.
#pragma once

#include <set>
#include <span>
#include <string>

#include "store/changes.hpp"
#include "store/server/carrier.hpp"
#include "store/server/sessions.hpp"

namespace sluice::store::server {

/// In a transaction that settles, last of all: until its end nobody else can note anything.
/// `members`: whose sums it may have changed.
void note_settled(soci::session& sql, std::span<const Settlement> settlements,
                  const std::set<PaidFor>& members, const std::string& origin);

class ServerChanges final : public Changes {
 public:
  /// Changes that are read at once.
  static constexpr int kMost = 5'000;

  /// Both outlive it.
  ServerChanges(ServerSessions& server, Carrier& carrier) : server_(server), carrier_(carrier) {}

  Result<int64_t> now() override;
  Result<News> since(int64_t cursor) override;
  Status forget(int64_t cursor) override;
  Status look(std::span<const int64_t> wallets, std::span<const int64_t> keys,
              std::span<const int64_t> memberships,
              const std::function<void(const Figures&)>& take) override;
  void on_carried(std::function<void(const Carried&)> told) override;

 private:
  ServerSessions& server_;
  Carrier& carrier_;
};

}  // namespace sluice::store::server
