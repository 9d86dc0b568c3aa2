// Requests of any kind: "METHOD target", a line break, the body.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "admin/service.hpp"
#include "admin/test_database.hpp"
#include "json/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  const std::string_view head = text.substr(0, line);
  const size_t blank = head.find(' ');
  if (line == std::string_view::npos || blank == std::string_view::npos) return 0;
  admin::TestDatabase database;
  quota::Registry registry;
  admin::Service service(database, {.registry = &registry, .key_changed = {}});
  const auto answer = service.handle({.method = std::string(head.substr(0, blank)),
                                      .target = std::string(head.substr(blank + 1)),
                                      .body = std::string(text.substr(line + 1)),
                                      .who = admin::Principal::shell("fuzzer")});
  // An answer is JSON, a refusal says why.
  if (answer ? !json::valid(answer->body) : answer.error().message.empty()) std::abort();
  // What the gateway holds is what the entries say.
  const auto wallets = database.wallets();
  for (const store::Wallet& wallet : *wallets) {
    const quota::Wallet* live = registry.find_wallet(wallet.id);
    if (live != nullptr && live->balance.available() != wallet.balance.nanos) std::abort();
  }
  return 0;
}
