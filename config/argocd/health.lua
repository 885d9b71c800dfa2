-- The health of a StreamJob or a Savepoint for Argo CD, from its conditions: docs/kubernetes.md says where to put it.
local health = {status = "Progressing", message = "the operator has not seen this generation yet"}
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end
local is = {}
for _, condition in ipairs(status.conditions) do
  if condition.status == "True" then
    is[condition.type] = condition
  end
end
if is.Stalled ~= nil then
  health = {status = "Degraded", message = is.Stalled.message}
elseif is.Ready ~= nil then
  health = {status = "Healthy", message = is.Ready.message}
  if is.Ready.reason == "Suspended" then
    health.status = "Suspended"
  end
elseif is.Progressing ~= nil then
  health.message = is.Progressing.message
end
return health
