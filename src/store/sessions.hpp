// SOCI sessions: some for reading, which never wait for a writer, and one for writing.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "store/soci.hpp"
#include "store/write_turn.hpp"

namespace sluice::store {

/// Any thread. SOCI's exceptions end here, as kLedgerUnavailable.
class Sessions {
 public:
  /// Reading sessions at most; who comes later waits for one.
  static constexpr size_t kReaders = 4;

  /// `turn` must outlive this.
  static Result<std::unique_ptr<Sessions>> open(const std::string& file, WriteTurn& turn);

  /// `work` gets a session in one reading transaction and returns a Result.
  template <typename Work>
  std::invoke_result_t<Work&, soci::session&> read(Work work) {
    std::invoke_result_t<Work&, soci::session&> result = fail(ErrorCode::kInternal, "not run");
    const Status ran = run_read([&](soci::session& sql) { result = work(sql); });
    if (!ran) return std::unexpected(ran.error());
    return result;
  }

  /// The same in a writing transaction, durable against power loss; rolled back when the result
  /// is an error.
  template <typename Work>
  std::invoke_result_t<Work&, soci::session&> write(Work work) {
    std::invoke_result_t<Work&, soci::session&> result = fail(ErrorCode::kInternal, "not run");
    const Status ran = run_write([&](soci::session& sql) {
      result = work(sql);
      return result.has_value();
    });
    if (!ran) return std::unexpected(ran.error());
    return result;
  }

 private:
  Sessions(std::string file, WriteTurn& turn) : file_(std::move(file)), turn_(turn) {}
  Status run_read(const std::function<void(soci::session&)>& work);
  Status run_write(const std::function<bool(soci::session&)>& work);

  const std::string file_;
  WriteTurn& turn_;
  soci::session writer_;  // under turn_
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<soci::session>> free_;
  size_t readers_ = 0;
};

}  // namespace sluice::store
