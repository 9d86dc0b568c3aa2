// Values on a command line that are more than one text: JSON, lists of objects, secrets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "json/writer.hpp"

namespace sluice::app {

/// How objects of a list are said: --member openai,weight=3.
struct ObjectForm {
  std::string_view field;    // of the body
  std::string_view option;   // without dashes
  std::string_view first;    // the member that stands without its name
  std::string_view numbers;  // members that are numbers, separated by commas
  std::string_view example;
  std::string_view help;
};

/// Null for a field that is no such list.
const ObjectForm* objects_of(std::string_view field);

/// Writes what the options of `form` say as one member. kConfig.
Status write_objects(json::Writer& json, const ObjectForm& form,
                     const std::vector<std::string>& given);

/// JSON as it stands on the command line, or in a file: @FILE, @- for stdin. kConfig, naming
/// `option`.
Result<std::string> json_given(const std::string& given, std::string_view option);

/// Every line of `file` that is not empty, "-" for stdin. kConfig when there is none.
Result<std::vector<std::string>> read_secrets(const std::string& file);

/// Of the variable `name`. kConfig when it is not set or empty.
Result<std::vector<std::string>> secret_in_environment(const std::string& name);

}  // namespace sluice::app
