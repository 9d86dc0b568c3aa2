// Where services are found that do not announce themselves.
#pragma once

#include <memory>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "net/scope.hpp"
#include "net/task.hpp"

namespace sluice::discovery {

/// One way to find them. Loop thread only.
class Source {
 public:
  virtual ~Source() = default;

  /// All that are there now. Asked again and again; when it fails, those found before stay.
  virtual net::Task<Result<std::vector<config::Service>>> services(net::Scope& scope) = 0;
};

/// Those that the configuration lists.
class StaticSource final : public Source {
 public:
  explicit StaticSource(std::vector<config::Service> services) : services_(std::move(services)) {}
  net::Task<Result<std::vector<config::Service>>> services(net::Scope& scope) override;

 private:
  std::vector<config::Service> services_;
};

/// As the configuration says; kConfig for a type that this version does not speak.
Result<std::unique_ptr<Source>> make_source(const config::Discovery& discovery);

}  // namespace sluice::discovery
