// A password for a command: from a file or a prompt, never from the command line, which others see.
#pragma once

#include <string>

#include "base/error.hpp"

namespace sluice::app {

/// The first line of `file`, "-" for stdin; where it is empty what is typed twice on the terminal,
/// unseen. kConfig when there is none.
Result<std::string> read_password(const std::string& file);

}  // namespace sluice::app
