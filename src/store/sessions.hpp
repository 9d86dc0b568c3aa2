// SOCI sessions for reading and for writing, and who hands them out.
#pragma once

#include <functional>
#include <type_traits>

#include "base/error.hpp"
#include "store/dialect.hpp"
#include "store/soci.hpp"

namespace sluice::store {

/// Any thread. SOCI's exceptions end here, as kLedgerUnavailable.
class Sessions {
 public:
  explicit Sessions(const Dialect& dialect) : dialect_(dialect) {}
  virtual ~Sessions() = default;
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  const Dialect& dialect() const { return dialect_; }

  /// `work` gets a session in one reading transaction and returns a Result.
  template <typename Work>
  std::invoke_result_t<Work&, soci::session&> read(Work work) {
    return read_within<Work>(work, false);
  }
  /// The same for work that takes its time: no statement of it is cut off.
  template <typename Work>
  std::invoke_result_t<Work&, soci::session&> read_long(Work work) {
    return read_within<Work>(work, true);
  }

  /// The same in a writing transaction, durable against power loss; rolled back when the result
  /// is an error. `work` is called again where another transaction was in the way.
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

 protected:
  virtual Status run_read(const std::function<void(soci::session&)>& work, bool patient) = 0;
  virtual Status run_write(const std::function<bool(soci::session&)>& work) = 0;

 private:
  template <typename Work>
  std::invoke_result_t<Work&, soci::session&> read_within(Work& work, bool patient) {
    std::invoke_result_t<Work&, soci::session&> result = fail(ErrorCode::kInternal, "not run");
    const Status ran = run_read([&](soci::session& sql) { result = work(sql); }, patient);
    if (!ran) return std::unexpected(ran.error());
    return result;
  }

  const Dialect& dialect_;
};

/// A transaction that ends, whatever happens.
class OpenTransaction {
 public:
  OpenTransaction(soci::session& session, const char* begin) : session_(session) {
    session_ << begin;
  }
  OpenTransaction(const OpenTransaction&) = delete;
  OpenTransaction& operator=(const OpenTransaction&) = delete;
  ~OpenTransaction() {
    if (ended_) return;
    try {
      session_ << "ROLLBACK";
    } catch (const std::exception&) {
      // It was rolled back already, or the connection is gone and it with it.
      ended_ = true;
    }
  }
  void commit() {
    session_ << "COMMIT";
    ended_ = true;
  }

 private:
  soci::session& session_;
  bool ended_ = false;
};

}  // namespace sluice::store
