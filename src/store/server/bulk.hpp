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

/// PostgreSQL: takes away what indexes of a table are not for its keys, which it then makes at once
/// and in order, and says how to make them again. MySQL: nothing, where that would commit.
std::vector<std::string> take_indexes(soci::session& sql, Server server, const std::string& table);

}  // namespace sluice::store::server
