// How a command reaches the administration: through a gateway that runs, or by itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "admin/effective_config.hpp"
#include "admin/identity.hpp"
#include "admin/provider_probe.hpp"
#include "admin/service.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "config/load.hpp"
#include "store/database.hpp"

namespace sluice::admin {

/// data_dir/sluice.sock.
std::string socket_path(const config::Config& config);
store::Options database_options(const config::Config& config);

/// What a command asks.
struct Question {
  std::string_view method;
  std::string target;  // path and query
  std::string body = {};
  std::string user = {};      // by name or id, as whom it is asked; empty: as an administrator
  std::string if_match = {};  // the version that is to be changed; empty: whichever is there
};

struct Reply {
  std::string body;
  std::string etag;  // empty where what is told has no version
};

/// What a command needs in the place of a gateway.
struct Alone {
  std::optional<config::LoadOptions> options = {};  // by which the configuration was loaded
  Probe probe = {};
};

/// Blocks: for commands only.
class Client {
 public:
  /// A gateway that listens on the socket of `config`'s data_dir, else the database itself, locked.
  /// Fails when neither is to be had, which is when another command or a gateway without its
  /// socket holds data_dir.
  /// Without a gateway, what deals with the configuration needs `alone`: it is in force when one
  /// starts.
  static Result<Client> open(const config::Config& config, Alone alone = {});
  /// Only a gateway that listens; nullopt where there is none.
  static Result<std::optional<Client>> running(const config::Config& config);

  /// A good answer. An error has the answer's own message and field; kPreconditionFailed where
  /// another version is there, kIo where the gateway was lost.
  Result<Reply> ask(const Question& question);

  /// A gateway answers.
  bool through_gateway() const { return service_ == nullptr; }

 private:
  Result<Reply> ask_gateway(const Question& question) const;
  /// Reads the configuration and what the database adds to it, for who asks about that.
  Status configure();

  std::string socket_;
  Alone alone_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<EffectiveConfig> effective_;
  std::unique_ptr<Identity> identity_;
  std::unique_ptr<Service> service_;
};

}  // namespace sluice::admin
