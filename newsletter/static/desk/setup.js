// The browser knows in which time zone it is.

const field = document.getElementById("id_time_zone");
const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
const zone = timeZone.includes("/") ? timeZone : `Etc/${timeZone}`;
if (!document.querySelector(".errorlist") && [...field.options].some((one) => one.value === zone)) field.value = zone;
