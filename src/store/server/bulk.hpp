// Many rows for a table of a server, as fast as it takes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/dialect.hpp"
#include "store/soci.hpp"

namespace sluice::store::server {

/// Used by one thread, inside a transaction, with nothing else on that connection before finish().
/// What the server says against it is thrown, as of other statements. Names come from a schema.
class Bulk {
 public:
  Bulk(soci::session& sql, Server server, std::string table, std::string columns);
  ~Bulk();
  Bulk(const Bulk&) = delete;
  Bulk& operator=(const Bulk&) = delete;

  /// The next column of the row; nothing is NULL.
  void add(std::optional<std::string_view> value);
  void end_row();
  void finish();

 private:
  void begin();
  void flush();

  soci::session& sql_;
  const Server server_;
  const std::string table_;
  const std::string columns_;
  std::string text_;   // what is not sent yet
  bool first_ = true;  // of the row
  bool copying_ = false;
};

/// What makes a table of PostgreSQL slow to fill is put aside: indexes that are not for its keys,
/// and triggers of ours. Returns the statements that bring it back, and tell the server how large
/// the table is. MySQL: nothing, where that would commit.
std::vector<std::string> ready_for_many(soci::session& sql, Server server,
                                        const std::string& table);

/// Tells gateways that everything has changed, where triggers that would were put aside.
void note_all(soci::session& sql, Server server);

}  // namespace sluice::store::server
