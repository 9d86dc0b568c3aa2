// Keeps an eye on services that do not announce themselves, and tells the fleet of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "discovery/source.hpp"
#include "net/http_client.hpp"
#include "net/task_group.hpp"
#include "workers/fleet.hpp"

namespace sluice::discovery {

/// Loop thread only; one for the process. Outlives run().
class Watch {
 public:
  Watch(net::HttpClient& client, workers::Fleet& fleet) : client_(client), fleet_(fleet) {}

  /// Until `scope` is cancelled: looks for services, asks each how it is, and which models it has
  /// where nobody says, and tells the fleet. `config` gives what is in force now; a reload is
  /// noticed within a second.
  net::Task<void> run(std::function<config::ConfigPtr()> config, net::Scope& scope);

 private:
  struct Watched;
  void adopt(config::ConfigPtr config);
  void update(std::vector<config::Service> services);
  void start(config::Service service);
  void end(const std::string& name);
  /// The checks of one service, one after the other.
  net::Task<void> watch(std::shared_ptr<Watched> watched);
  net::Task<void> check(Watched& watched);
  net::Task<void> learn_models(Watched& watched);

  net::HttpClient& client_;
  workers::Fleet& fleet_;
  net::Loop* loop_ = nullptr;
  config::ConfigPtr config_;
  std::unique_ptr<Source> source_;
  std::map<std::string, std::shared_ptr<Watched>> watched_;  // by name
  net::TaskGroup checks_;
};

}  // namespace sluice::discovery
