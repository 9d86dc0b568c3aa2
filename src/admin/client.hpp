// How a command reaches the administration: through a gateway that runs, or by itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "admin/identity.hpp"
#include "admin/service.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "store/database.hpp"

namespace sluice::admin {

/// data_dir/sluice.sock.
std::string socket_path(const config::Config& config);
store::Options database_options(const config::Config& config);

/// Blocks: for commands only.
class Client {
 public:
  /// A gateway that listens on the socket of `config`'s data_dir, else the database itself, locked.
  /// Fails when neither is to be had, which is when another command or a gateway without its
  /// socket holds data_dir.
  static Result<Client> open(const config::Config& config);
  /// Only a gateway that listens; nullopt where there is none.
  static Result<std::optional<Client>> running(const config::Config& config);

  /// The body of a good answer. An error has the answer's own message.
  Result<std::string> ask(std::string_view method, std::string target, std::string body = {});

  /// A gateway answers.
  bool through_gateway() const { return service_ == nullptr; }

 private:
  Result<std::string> ask_gateway(std::string_view method, const std::string& target,
                                  const std::string& body) const;

  std::string socket_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Identity> identity_;
  std::unique_ptr<Service> service_;
};

}  // namespace sluice::admin
