// SOCI sessions on a file: some for reading, which never wait for a writer, and one for writing.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/sessions.hpp"
#include "store/write_turn.hpp"

namespace sluice::store::sqlite {

class FileSessions final : public Sessions {
 public:
  /// Reading sessions at most; who comes later waits for one.
  static constexpr size_t kReaders = 4;

  /// `turn` must outlive this. `full`: what is written survives a power cut.
  static Result<std::unique_ptr<FileSessions>> open(const std::string& file, WriteTurn& turn,
                                                    bool full = true);

 protected:
  Status run_read(const std::function<void(soci::session&)>& work, bool patient) override;
  Status run_write(const std::function<bool(soci::session&)>& work) override;

 private:
  FileSessions(std::string file, WriteTurn& turn);

  const std::string file_;
  WriteTurn& turn_;
  soci::session writer_;  // under turn_
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<soci::session>> free_;
  size_t readers_ = 0;
};

}  // namespace sluice::store::sqlite
