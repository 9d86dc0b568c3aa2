// Answers of the routes that are not inference.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/dialect.hpp"
#include "net/http_call.hpp"

namespace sluice::api {

net::Task<void> answer_json(net::HttpCall& call, int status, std::string body);
net::Task<void> answer_text(net::HttpCall& call, int status, std::string_view type,
                            std::string body);
/// JSON for clients of a dialect, with a request id where they look for it.
net::Task<void> answer_json(net::HttpCall& call, dialect::Dialect dialect, std::string body);
/// An error in the neutral shape, with a request id.
net::Task<void> answer_error(net::HttpCall& call, Error error);
/// The same with further headers.
net::Task<void> answer_error(net::HttpCall& call, Error error, net::HeaderList headers);
/// An error in the shape of a dialect.
net::Task<void> answer_error(net::HttpCall& call, dialect::Dialect dialect, Error error);
/// 405 with the methods that there are, a literal.
net::Task<void> answer_wrong_method(net::HttpCall& call, std::string_view allowed);
net::Task<void> answer_wrong_method(net::HttpCall& call, dialect::Dialect dialect,
                                    std::string_view allowed);

}  // namespace sluice::api
