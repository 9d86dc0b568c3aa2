// Local time of a zone of the IANA time zone database, as the system keeps it (TZif, RFC 8536).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sluice {

/// Immutable. Times and offsets are in seconds; an offset is what local time is ahead of UTC.
class TimeZone {
 public:
  /// Larger files are refused; the largest of the database has 4 KiB.
  static constexpr size_t kMaxFile = 64 * 1024;

  /// UTC.
  TimeZone() = default;
  /// "Europe/Berlin", from /usr/share/zoneinfo; empty is UTC. Reads a file. kInvalidRequest when
  /// there is none of this name.
  static Result<TimeZone> load(const std::string& name);
  /// A file of that database. kInvalidRequest when it is broken.
  static Result<TimeZone> parse(std::string_view file);

  int64_t offset_at(int64_t unix_seconds) const;
  /// The Unix time at which clocks show this; the first where they do so twice, and that of as long
  /// after the change where they skip it.
  int64_t to_unix(int64_t local_seconds) const;

  struct Change {
    int64_t at = 0;  // Unix time from which the offset holds
    int64_t offset = 0;
  };
  /// What holds at `from`, and what changes until `to`, in order; the first has `at` = `from`.
  std::vector<Change> changes(int64_t from, int64_t to) const;

 private:
  int64_t first_ = 0;            // offset before all changes
  std::vector<Change> changes_;  // ascending; rules for the future are written out until 2100
};

}  // namespace sluice
