# SOCI 4.0, which Debian packages without a CMake configuration: SOCI::core and its backends
# SOCI::sqlite3, SOCI::postgresql, SOCI::mysql. The headers of the latter two include those of the
# servers' own client libraries.
find_path(SOCI_INCLUDE_DIR soci/soci.h)
find_path(SOCI_POSTGRESQL_INCLUDE_DIR libpq-fe.h PATH_SUFFIXES postgresql)
find_path(SOCI_MYSQL_INCLUDE_DIR mysql.h PATH_SUFFIXES mariadb mysql)
foreach(part core sqlite3 postgresql mysql)
  string(TOUPPER ${part} name)
  find_library(SOCI_${name}_LIBRARY soci_${part})
  list(APPEND soci_libraries SOCI_${name}_LIBRARY)
endforeach()
find_library(SOCI_PQ_LIBRARY pq)
find_library(SOCI_MARIADB_LIBRARY mariadb)
mark_as_advanced(SOCI_INCLUDE_DIR SOCI_POSTGRESQL_INCLUDE_DIR SOCI_MYSQL_INCLUDE_DIR
  SOCI_PQ_LIBRARY SOCI_MARIADB_LIBRARY ${soci_libraries})

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SOCI
  REQUIRED_VARS ${soci_libraries} SOCI_PQ_LIBRARY SOCI_MARIADB_LIBRARY
    SOCI_INCLUDE_DIR SOCI_POSTGRESQL_INCLUDE_DIR SOCI_MYSQL_INCLUDE_DIR)

if(SOCI_FOUND AND NOT TARGET SOCI::core)
  add_library(SOCI::core UNKNOWN IMPORTED)
  set_target_properties(SOCI::core PROPERTIES
    IMPORTED_LOCATION ${SOCI_CORE_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${SOCI_INCLUDE_DIR})
  add_library(SOCI::sqlite3 UNKNOWN IMPORTED)
  set_target_properties(SOCI::sqlite3 PROPERTIES
    IMPORTED_LOCATION ${SOCI_SQLITE3_LIBRARY} INTERFACE_LINK_LIBRARIES SOCI::core)
  add_library(SOCI::postgresql UNKNOWN IMPORTED)
  set_target_properties(SOCI::postgresql PROPERTIES
    IMPORTED_LOCATION ${SOCI_POSTGRESQL_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${SOCI_POSTGRESQL_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES "SOCI::core;${SOCI_PQ_LIBRARY}")
  add_library(SOCI::mysql UNKNOWN IMPORTED)
  set_target_properties(SOCI::mysql PROPERTIES
    IMPORTED_LOCATION ${SOCI_MYSQL_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${SOCI_MYSQL_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES "SOCI::core;${SOCI_MARIADB_LIBRARY}")
endif()
