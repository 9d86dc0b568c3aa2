// Looks at the engine again and again.
#pragma once

#include <set>
#include <string>

#include "agent/beat.hpp"
#include "agent/gpu_watch.hpp"
#include "agent/incarnation.hpp"
#include "agent/options.hpp"
#include "net/http_client.hpp"

namespace sluice::agent {

/// Loop thread only. The references outlive it.
class EngineWatch {
 public:
  EngineWatch(const Plan& plan, net::HttpClient& client, GpuWatch& gpus)
      : plan_(plan), client_(client), gpus_(gpus), engine_(plan.engine) {}

  /// One look, which last() tells of from then on. Logs what a reader should know, once.
  net::Task<void> look(net::Scope& scope);
  const Look& last() const { return look_; }
  /// From now on the worker takes nothing new.
  void drain();

 private:
  net::Task<Result<Answer>> get(std::string_view path, net::Scope& scope);
  net::Task<Status> look_at_engine(Look& look, net::Scope& scope);
  net::Task<Status> find_out(net::Scope& scope);
  enum class Health : uint8_t { kGood, kBad, kUntold };
  net::Task<Result<Health>> ask_health(net::Scope& scope);
  net::Task<Status> refresh(Look& look, net::Scope& scope);
  /// False when the engine has no such page.
  net::Task<Result<bool>> read(const EnginePage& page, EngineView& view, net::Scope& scope);
  void unwell(Look& look, const Error& error);
  void complain(std::string_view what, const std::string& why);
  void say(const Look& look);

  const Plan& plan_;
  net::HttpClient& client_;
  GpuWatch& gpus_;
  const Engine* engine_;  // null: not found out yet
  Incarnation incarnation_;
  Look look_;
  bool draining_ = false;
  bool ready_ = false;
  bool was_good_ = false;             // its health, of this process
  TimePoint facts_at_{};              // when they were read
  TimePoint heard_at_{};              // when it last answered
  std::set<std::string> complaints_;  // that were logged since it last went away
};

}  // namespace sluice::agent
