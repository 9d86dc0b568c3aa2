// SOCI without its bindings for Boost types, which would make Boost's headers a dependency. They
// are templates alone; nothing that the library was compiled with depends on them.
#pragma once

#include <soci/soci-config.h>

#undef SOCI_HAVE_BOOST
#undef SOCI_HAVE_BOOST_DATE_TIME

#include <soci/soci.h>  // IWYU pragma: export
