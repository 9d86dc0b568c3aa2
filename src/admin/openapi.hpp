// The OpenAPI document of everything that the gateway answers.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "admin/input.hpp"
#include "admin/principal.hpp"

namespace sluice::admin {

/// Who may call a route that the loops answer themselves.
enum class LoopAccess : uint8_t { kPublic, kApiKey, kKeyOrAdministrator, kWorker, kAdministrator };

/// A route that is no part of the management API's table.
struct LoopRoute {
  std::string_view method;
  std::string_view pattern;
  LoopAccess access;
  std::string_view summary;
  bool takes_json = false;  // a body whose shape is not this gateway's to say
};

std::span<const LoopRoute> loop_routes();

/// OpenAPI 3.1, from all_routes() and loop_routes().
std::string openapi_document(std::string_view version);

}  // namespace sluice::admin
